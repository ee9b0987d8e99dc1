// Calls that make, remove and rename names; readlink.
#include <algorithm>

#include "address_space/user_copy.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

Result<void> make_directory(uint64_t dirfd, uint64_t path, uint64_t mode) {
  UserName name;
  TRY(name.read(dirfd, path));
  NewFile file{.type = FileType::kDirectory, .permissions = 0};
  file.permissions = new_permissions(mode) & 01777;
  return vfs_make(name.context(), name.path.text(), file);
}

Result<void> make_node(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t device) {
  constexpr uint64_t kTypeMask = 0170000;
  FileType type = (mode & kTypeMask) == 0 ? FileType::kRegular : type_of_mode(uint32_t(mode));
  if (type == FileType::kDirectory) return Errno::kEPERM;
  if (type == FileType::kUnknown || type == FileType::kSymlink) return Errno::kEINVAL;
  UserName name;
  TRY(name.read(dirfd, path));
  NewFile file{.type = type, .permissions = new_permissions(mode)};
  bool is_device = type == FileType::kCharacterDevice || type == FileType::kBlockDevice;
  if (is_device && !current_process()->ids.is_superuser()) return Errno::kEPERM;
  if (is_device) file.device = uint32_t(device);
  return vfs_make(name.context(), name.path.text(), file);
}

Result<void> remove(uint64_t dirfd, uint64_t path, bool directory) {
  UserName name;
  TRY(name.read(dirfd, path));
  return directory ? vfs_rmdir(name.context(), name.path.text())
                   : vfs_unlink(name.context(), name.path.text());
}

Result<void> rename(uint64_t from_dirfd, uint64_t from_path, uint64_t to_dirfd, uint64_t to_path,
                    uint64_t flags) {
  using namespace rename_flag;
  if ((flags & ~uint64_t(kNoReplace | kExchange | kWhiteout)) != 0) return Errno::kEINVAL;
  if ((flags & (kNoReplace | kWhiteout)) != 0 && (flags & kExchange) != 0) return Errno::kEINVAL;
  auto find = [](uint64_t dirfd, uint64_t path) -> Result<LastComponent> {
    UserName name;
    TRY(name.read(dirfd, path));
    return resolve_last(name.context(), name.path.text(), LastLink::kLeave);
  };
  LastComponent from = TRY(find(from_dirfd, from_path));  // to its end before the other one
  LastComponent to = TRY(find(to_dirfd, to_path));
  return rename_last(from, to, current_files().context().who, uint32_t(flags));
}

Result<void> link(uint64_t from_dirfd, uint64_t from_path, uint64_t to_dirfd, uint64_t to_path,
                  uint64_t flags) {
  if ((flags & ~(abi::kAtSymlinkFollow | abi::kAtEmptyPath)) != 0) return Errno::kEINVAL;
  bool follow = (flags & abi::kAtSymlinkFollow) != 0;
  uint64_t find_flags = flags & abi::kAtEmptyPath;
  if (!follow) find_flags |= abi::kAtSymlinkNoFollow;
  Place target = TRY(find_place(from_dirfd, from_path, find_flags));
  UserName to;
  TRY(to.read(to_dirfd, to_path));
  return vfs_link(target, to.context(), to.path.text());
}

Result<void> make_symlink(uint64_t target_address, uint64_t dirfd, uint64_t path) {
  UserPath target;
  TRY(target.read(target_address));
  if (target.empty()) return Errno::kENOENT;
  UserName name;
  TRY(name.read(dirfd, path));
  NewFile file{.type = FileType::kSymlink, .permissions = 0777};
  file.target = target.text();
  return vfs_make(name.context(), name.path.text(), file);
}

Result<uint64_t> read_symlink(uint64_t dirfd, uint64_t path_address, uint64_t buffer,
                              uint64_t size) {
  if (int(size) <= 0) return Errno::kEINVAL;
  // An empty path means the link that dirfd was opened on (O_PATH).
  Place place = TRY(find_place(dirfd, path_address, abi::kAtSymlinkNoFollow | abi::kAtEmptyPath));
  if (place.inode->type != FileType::kSymlink) {
    UserPath path;
    TRY(path.read(path_address));
    return path.empty() ? Errno::kENOENT : Errno::kEINVAL;
  }
  uint64_t room = std::min<uint64_t>(uint32_t(size), kMaxPathLength);
  char* text = static_cast<char*>(heap_allocate(room));
  if (text == nullptr) return Errno::kENOMEM;
  auto length = place.inode->read_link({text, room});
  Result<void> copied = length.error();
  if (length.ok()) {
    *length = std::min(*length, room);
    copied = copy_to_user(VirtAddr(buffer), text, *length);
  }
  heap_free(text);
  if (!copied.ok()) return copied.error();
  return length;
}

}  // namespace

int64_t sys_mkdir(TrapFrame& call) {
  return to_return(make_directory(kFromCurrent, argument0(call), argument1(call)));
}
int64_t sys_mkdirat(TrapFrame& call) {
  return to_return(make_directory(argument0(call), argument1(call), argument2(call)));
}
int64_t sys_mknod(TrapFrame& call) {
  return to_return(make_node(kFromCurrent, argument0(call), argument1(call), argument2(call)));
}
int64_t sys_mknodat(TrapFrame& call) {
  return to_return(make_node(argument0(call), argument1(call), argument2(call), argument3(call)));
}

int64_t sys_rmdir(TrapFrame& call) {
  return to_return(remove(kFromCurrent, argument0(call), true));
}
int64_t sys_unlink(TrapFrame& call) {
  return to_return(remove(kFromCurrent, argument0(call), false));
}
int64_t sys_unlinkat(TrapFrame& call) {
  auto flags = uint32_t(argument2(call));
  if ((flags & ~abi::kAtRemoveDirectory) != 0) return failure(Errno::kEINVAL);
  return to_return(remove(argument0(call), argument1(call), flags != 0));
}

int64_t sys_rename(TrapFrame& call) {
  return to_return(rename(kFromCurrent, argument0(call), kFromCurrent, argument1(call), 0));
}
int64_t sys_renameat(TrapFrame& call) {
  return to_return(rename(argument0(call), argument1(call), argument2(call), argument3(call), 0));
}
int64_t sys_renameat2(TrapFrame& call) {
  return to_return(rename(argument0(call), argument1(call), argument2(call), argument3(call),
                          uint32_t(argument4(call))));
}

int64_t sys_link(TrapFrame& call) {
  return to_return(link(kFromCurrent, argument0(call), kFromCurrent, argument1(call), 0));
}
int64_t sys_linkat(TrapFrame& call) {
  return to_return(link(argument0(call), argument1(call), argument2(call), argument3(call),
                        uint32_t(argument4(call))));
}

int64_t sys_symlink(TrapFrame& call) {
  return to_return(make_symlink(argument0(call), kFromCurrent, argument1(call)));
}
int64_t sys_symlinkat(TrapFrame& call) {
  return to_return(make_symlink(argument0(call), argument1(call), argument2(call)));
}

int64_t sys_readlink(TrapFrame& call) {
  return to_return(read_symlink(kFromCurrent, argument0(call), argument1(call), argument2(call)));
}
int64_t sys_readlinkat(TrapFrame& call) {
  return to_return(
      read_symlink(argument0(call), argument1(call), argument2(call), argument3(call)));
}

}  // namespace cairn
