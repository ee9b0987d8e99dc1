// stat and its relatives, access, statfs.
#include "address_space/user_copy.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

abi::TimeSpec to_abi(Timestamp time) { return {time.seconds, int64_t(time.nanoseconds)}; }

uint32_t mode_of(const Inode& inode, const Attributes& attributes) {
  return mode_bits(inode.type) | attributes.permissions;
}

abi::Stat describe(Inode& inode) {
  Attributes attributes = inode.attributes();
  bool special = inode.type == FileType::kCharacterDevice || inode.type == FileType::kBlockDevice;
  abi::Stat stat{};
  stat.device = inode.file_system.device_number;
  stat.inode = inode.number.value;
  stat.links = attributes.links;
  stat.mode = mode_of(inode, attributes);
  stat.owner = attributes.owner;
  stat.group = attributes.group;
  stat.special_device = special ? attributes.device : 0;
  stat.size = int64_t(attributes.size);
  stat.block_size = inode.block_size;
  stat.sectors = int64_t(attributes.sectors);
  stat.accessed = to_abi(attributes.accessed);
  stat.modified = to_abi(attributes.modified);
  stat.changed = to_abi(attributes.changed);
  return stat;
}

Result<void> store_stat(Inode& inode, uint64_t address) {
  return write_user(VirtAddr(address), describe(inode));
}

Result<void> stat_path(uint64_t dirfd, uint64_t path, uint64_t address, uint64_t flags) {
  Place place = TRY(find_place(dirfd, path, flags));
  return store_stat(*place.inode, address);
}

abi::StatxTime to_statx(const abi::TimeSpec& time) {
  return {time.seconds, uint32_t(time.nanoseconds), 0};
}
// Of a device number as structures have it. Source: Linux, include/linux/kdev_t.h, new_decode_dev().
uint32_t major_of(uint64_t device) { return uint32_t(device >> 8) & 0xfff; }
uint32_t minor_of(uint64_t device) {
  return uint32_t(device & 0xff) | (uint32_t(device >> 12) & 0xfff00);
}

Result<void> store_statx(Inode& inode, uint64_t address) {
  abi::Stat stat = describe(inode);
  abi::Statx statx{};
  statx.present = abi::kStatxBasic;
  statx.block_size = uint32_t(stat.block_size);
  statx.links = uint32_t(stat.links);
  statx.owner = stat.owner;
  statx.group = stat.group;
  statx.mode = uint16_t(stat.mode);
  statx.inode = stat.inode;
  statx.size = uint64_t(stat.size);
  statx.sectors = uint64_t(stat.sectors);
  statx.accessed = to_statx(stat.accessed);
  statx.changed = to_statx(stat.changed);
  statx.modified = to_statx(stat.modified);
  statx.special_major = major_of(stat.special_device);
  statx.special_minor = minor_of(stat.special_device);
  statx.device_major = major_of(stat.device);
  statx.device_minor = minor_of(stat.device);
  return write_user(VirtAddr(address), statx);
}

/// What is asked for doesn't matter: all that stat() tells costs nothing.
Result<void> stat_extended(TrapFrame& call) {
  constexpr uint64_t kKnown =
      abi::kAtSymlinkNoFollow | abi::kAtNoAutomount | abi::kAtEmptyPath | abi::kAtStatxSyncType;
  auto flags = uint32_t(argument2(call));
  if ((argument3(call) & abi::kStatxReserved) != 0 || (flags & ~kKnown) != 0) return Errno::kEINVAL;
  if ((flags & abi::kAtStatxSyncType) == abi::kAtStatxSyncType) return Errno::kEINVAL;
  Place place = TRY(find_place(argument0(call), argument1(call), flags & ~abi::kAtStatxSyncType));
  return store_statx(*place.inode, argument4(call));
}

Result<void> store_statfs(const Place& place, uint64_t address) {
  FileSystemStatistics numbers = place.inode->file_system.statistics();
  abi::StatFs statfs{};
  statfs.type = int64_t(numbers.type);
  statfs.block_size = statfs.fragment_size = numbers.block_size;
  statfs.blocks = numbers.blocks;
  statfs.free_blocks = numbers.free_blocks;
  statfs.available_blocks = numbers.available_blocks;
  statfs.files = numbers.files;
  statfs.free_files = numbers.free_files;
  statfs.id = numbers.id;
  statfs.name_length = kMaxNameLength;
  statfs.flags = abi::kStatFsValid | (is_read_only(place) ? abi::kStatFsReadOnly : 0);
  return write_user(VirtAddr(address), statfs);
}

/// Asks for the real user and group; with AT_EACCESS for the one that files are opened for.
Result<void> ask_access(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t flags) {
  constexpr uint64_t kKnownFlags =
      abi::kAtEffectiveAccess | abi::kAtSymlinkNoFollow | abi::kAtEmptyPath;
  if ((mode & ~(kMayExecute | kMayWrite | kMayRead)) != 0) return Errno::kEINVAL;
  if ((flags & ~kKnownFlags) != 0) return Errno::kEINVAL;
  bool effective = (flags & abi::kAtEffectiveAccess) != 0;
  Credentials who = current_files().context().who;
  if (!effective) {
    const ProcessIds& ids = current_process()->ids;
    who.user = ids.user.real;
    who.group = ids.group.real;
  }
  Place place = TRY(find_place(dirfd, path, flags, &who));
  Inode& inode = *place.inode;
  bool is_directory = inode.type == FileType::kDirectory;
  bool stored =
      is_directory || inode.type == FileType::kRegular || inode.type == FileType::kSymlink;
  if ((mode & kMayWrite) != 0 && stored && is_read_only(place)) return Errno::kEROFS;
  return check_access(inode, who, uint32_t(mode));
}

}  // namespace

int64_t sys_stat(TrapFrame& call) {
  return to_return(stat_path(kFromCurrent, argument0(call), argument1(call), 0));
}
int64_t sys_lstat(TrapFrame& call) {
  return to_return(
      stat_path(kFromCurrent, argument0(call), argument1(call), abi::kAtSymlinkNoFollow));
}
int64_t sys_fstat(TrapFrame& call) {
  auto file = any_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return(store_stat((*file)->inode(), argument1(call)));
}
int64_t sys_newfstatat(TrapFrame& call) {
  constexpr uint64_t kKnown = abi::kAtSymlinkNoFollow | abi::kAtNoAutomount | abi::kAtEmptyPath;
  auto flags = uint32_t(argument3(call));
  if ((flags & ~kKnown) != 0) return failure(Errno::kEINVAL);
  return to_return(stat_path(argument0(call), argument1(call), argument2(call), flags));
}

int64_t sys_statx(TrapFrame& call) { return to_return(stat_extended(call)); }

int64_t sys_statfs(TrapFrame& call) {
  auto place = find_place(kFromCurrent, argument0(call), 0);
  if (!place.ok()) return failure(place.error());
  return to_return(store_statfs(*place, argument1(call)));
}
int64_t sys_fstatfs(TrapFrame& call) {
  auto file = any_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return(store_statfs((*file)->place, argument1(call)));
}

int64_t sys_access(TrapFrame& call) {
  return to_return(ask_access(kFromCurrent, argument0(call), uint32_t(argument1(call)), 0));
}
int64_t sys_faccessat(TrapFrame& call) {
  return to_return(ask_access(argument0(call), argument1(call), uint32_t(argument2(call)), 0));
}
int64_t sys_faccessat2(TrapFrame& call) {
  return to_return(ask_access(argument0(call), argument1(call), uint32_t(argument2(call)),
                              uint32_t(argument3(call))));
}

}  // namespace cairn
