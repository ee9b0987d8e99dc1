// LAB B, item B5: the mount table: which file system's root covers which directory.
//
// The first mount covers nothing: it is the root. Every other covers a directory of another mount,
// which may itself be the root of one (then the newest wins until it goes). Who holds a Place holds
// its mount, so a mount is busy exactly when somebody but the table refers to it.
//
// Locks, outermost first:
// - mount_lock: one mount or umount at a time, from the search for the device's file system to the end
//   of its shutdown. So nobody mounts a file system that is being shut down, or opens a device twice.
// - the lock of the directory that is covered: mount() holds it, shared, from the look at the directory's
//   links until mount_count is raised. rmdir and rename hold it alone while they look at mount_count and
//   take a name away, so a directory is never removed and covered at once.
// - the table's own spinlock (rank kMounts).
// mount_at() is called for each component of each path: it takes no lock that sleeps, and none at all
// where Inode::mount_count is 0.
#pragma once

#include "vfs/file_system.h"

namespace cairn {

struct Mount;

/// A position in the tree of files: an inode, and by which mount it was reached.
struct Place {
  RefPtr<Mount> mount;
  RefPtr<Inode> inode;
  explicit operator bool() const { return bool(inode); }
};
bool same_place(const Place& left, const Place& right);

struct Mount : RefCounted<Mount> {
  // Immutable.
  uint32_t id = 0;  // from 1 in order of mounting
  RefPtr<FileSystem> file_system;
  RefPtr<Inode> root;
  Place covered;  // none for the root
  bool read_only = false;
  char source[32] = {};  // "vda1", "none"
};

/// See "Locks" above.
extern Mutex mount_lock;

// ---- LAB B5 (handouts/b-files.md#b5) ---------------------------------------------------------

/// Covers the directory `where` (no inode: makes the root) with the file system's root; `source` is
/// for the mount table. ENOTDIR; ENOENT if `where` was removed meanwhile; EBUSY if it is already this
/// file system's root, or covered; ENOMEM. May sleep.
Result<void> mount(const Place& where, RefPtr<FileSystem> file_system, std::string_view source,
                   bool read_only) REQUIRES(mount_lock);

/// Takes away the mount whose root is `where`, and shuts its file system down if that was the last
/// mount of it. EINVAL if `where` isn't the root of a mount, EBUSY while anybody uses it (open files,
/// current directories, mounts inside, the caller's own Place counted out) or for the root mount.
/// On success `where` is empty. EIO if the last write-back failed (it is gone anyhow).
/// May sleep.
Result<void> umount(Place& where) REQUIRES(mount_lock);

/// What covers this place, with a reference; null if nothing does.
RefPtr<Mount> mount_at(const Place& place);

/// The mount after `previous` in order of mounting (null: the first, the root); null at the end.
RefPtr<Mount> next_mount(const Mount* previous);

// ---- Provided (vfs/mount_points.cc) ----------------------------------------------------------

/// A walk over all mounts: next_mount(), or while that isn't written the root alone. Who walks refers to
/// mounts without using them: unmount_place() waits for him. May sleep; ends before the next one begins.
class MountWalk {
 public:
  MountWalk();
  ~MountWalk();
  MountWalk(const MountWalk&) = delete;
  MountWalk& operator=(const MountWalk&) = delete;
  /// Null at the end. Valid until the next call.
  Mount* next();

 private:
  RefPtr<Mount> at_;
};
/// A mount of the file system's root, in no table yet. EIO, ENOMEM.
Result<RefPtr<Mount>> make_mount(const Place& covered, RefPtr<FileSystem> file_system,
                                 std::string_view source, bool read_only);
/// If the table has no mount of it any more: forgets its names, lets its inodes go and shuts it down. EIO if
/// the last write-back failed. May sleep.
Result<void> shut_down_unless_mounted(FileSystem& file_system) REQUIRES(mount_lock);
/// The root of the tree; no inode before the first mount.
Place root_place();
/// `place`, or the root of what covers it, and covers that…
Place cross_mounts(Place place);
/// Opens `device_name` (or none) as `type` and mounts it: what the system call and the monitor do.
/// EINVAL (below the root of a file system that changes by itself), ENODEV (no such type), ENOTBLK (no such device), EBUSY (also a disk and a partition of it at once), and
/// what opening gives.
Result<void> mount_device(const Place& where, std::string_view device_name, std::string_view type,
                          bool read_only);
/// umount(), when nobody walks over the mounts: what the system call and the monitor do. Its errors.
Result<void> unmount_place(Place& where);
/// Writes everything back, file systems and what was written to devices' files, and waits until it is on
/// the media; the first error. May sleep; no lock held that FileSystem::sync() takes.
Result<void> sync_all();
/// Before the machine stops or restarts: everything written, and all file systems marked clean. What goes wrong
/// is in the log. May sleep. Null without lab B.
[[gnu::weak]] void stop_file_systems();

}  // namespace cairn
