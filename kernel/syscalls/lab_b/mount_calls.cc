// mount, umount2, and the calls that write everything back: sync, syncfs, fsync.
#include <algorithm>

#include "special_files/device_file.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/mount.h, include/linux/fs.h.
constexpr uint64_t kMountReadOnly = 1, kMountSilent = 0x8000, kMountMagic = 0xc0ed0000;
constexpr uint64_t kMountMagicMask = 0xffff0000;
// Bits that are about times of access, which are kept as it suits: noatime, nodiratime, relatime, strictatime.
constexpr uint64_t kMountHarmless = 1024 | 2048 | (1 << 21) | (1 << 24) | kMountSilent;

/// The block device that a path names.
Result<std::string_view> device_at(std::string_view path) {
  if (path.empty()) return Errno::kEINVAL;
  Place place = TRY(resolve_path(current_files().context(), path));
  if (place.inode->type != FileType::kBlockDevice) return Errno::kENOTBLK;
  BlockDevice* device = find_block_device_by_number(place.inode->attributes().device);
  if (device == nullptr) return Errno::kENXIO;
  return device->name();
}

Result<void> mount_file_system(TrapFrame& call) {
  uint64_t flags = argument3(call);
  if ((flags & kMountMagicMask) == kMountMagic) flags &= ~kMountMagicMask;
  UserPath type, source;
  if (argument2(call) != 0) TRY(type.read(argument2(call)));
  if (argument0(call) != 0) TRY(source.read(argument0(call)));
  Place where = TRY(find_place(kFromCurrent, argument1(call), 0));
  if (!current_process()->ids.is_superuser()) return Errno::kEPERM;
  // Remounting, binding, moving, propagation, and what mounts forbid (nosuid, nodev, noexec): not here.
  if ((flags & ~(kMountReadOnly | kMountHarmless)) != 0) return Errno::kEINVAL;
  if (argument2(call) == 0) return Errno::kEINVAL;
  FileSystemType* kind = find_file_system(type.text());
  if (kind == nullptr) return Errno::kENODEV;
  std::string_view device = source.text();
  if (kind->needs_device) device = TRY(device_at(source.text()));
  return mount_device(where, device, type.text(), (flags & kMountReadOnly) != 0);
}

Result<void> unmount_file_system(uint64_t path, uint64_t flags) {
  constexpr uint64_t kForce = 1, kDetach = 2, kExpire = 4, kNoFollow = 8;
  if ((flags & ~(kForce | kDetach | kExpire | kNoFollow)) != 0) return Errno::kEINVAL;
  uint64_t find_flags = (flags & kNoFollow) != 0 ? abi::kAtSymlinkNoFollow : 0;
  Place where = TRY(find_place(kFromCurrent, path, find_flags));
  if (!current_process()->ids.is_superuser()) return Errno::kEPERM;
  if (where.inode.get() != where.mount->root.get()) return Errno::kEINVAL;
  if ((flags & kExpire) != 0) return Errno::kEINVAL;  // no account is kept of use
  return unmount_place(where);
}

Result<void> sync_file(uint64_t fd) {
  RefPtr<File> file = TRY(usable_file(fd));
  Inode& inode = file->inode();
  bool stored = inode.type == FileType::kRegular || inode.type == FileType::kDirectory;
  return stored ? inode.sync() : device_sync(inode);
}

}  // namespace

int64_t sys_mount(TrapFrame& call) { return to_return(mount_file_system(call)); }
int64_t sys_umount2(TrapFrame& call) {
  return to_return(unmount_file_system(argument0(call), uint32_t(argument1(call))));
}

int64_t sys_sync(TrapFrame&) {
  // sync() has no errors to give; they are counted and logged where they happen.
  (void)sync_all();
  return 0;
}
int64_t sys_syncfs(TrapFrame& call) {
  auto file = usable_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return((*file)->inode().file_system.sync());
}
int64_t sys_fsync(TrapFrame& call) { return to_return(sync_file(argument0(call))); }
int64_t sys_fdatasync(TrapFrame& call) { return to_return(sync_file(argument0(call))); }

}  // namespace cairn
