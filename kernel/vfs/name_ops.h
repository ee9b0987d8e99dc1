// Making, removing and renaming names: what system calls and the monitor do to directories.
//
// Locks: each call looks its directories up, locks them, looks the names up again under the lock,
// checks, lets the inode do it, and tells the directory-entry cache. Order: a directory before what
// is in it; of two directories the one above first (rename_lock keeps them from changing places);
// last what is moved and what it replaces, in order of address. All may sleep and are called with no locks held.
// Errors are Linux's, in its order: EROFS for a read-only mount, EBUSY for what is mounted on, EXDEV
// across mounts, ENOENT for a directory that was removed, EACCES and EPERM for what `who` may not do
// (vfs/access.h), and what finding the path gives.
// Source: POSIX.1-2017, "mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename".
#pragma once

#include "vfs/path.h"

namespace cairn {

/// A new file of any type (umask applied), owned by context.who; not what is there already: EEXIST, also
/// for "." and "..". EACCES: `who` may not change the directory; EPERM: a device, and they aren't root.
/// ENOENT: a path that ends in a slash, for anything but a directory. ENOSPC, EMLINK, EIO.
Result<void> vfs_make(const PathContext& context, std::string_view path, NewFile file);

inline Result<void> vfs_mkdir(const PathContext& context, std::string_view path,
                              uint16_t permissions) {
  return vfs_make(context, path, {.type = FileType::kDirectory, .permissions = permissions});
}

/// One more name for `target`. EPERM (a directory), EXDEV, EEXIST, ENOENT (`target` has no name left),
/// EMLINK.
Result<void> vfs_link(const Place& target, const PathContext& context, std::string_view path);

/// Takes away a name; the file goes with its last name and user. EISDIR; ENOTDIR (a trailing slash).
Result<void> vfs_unlink(const PathContext& context, std::string_view path);
/// Takes away an empty directory. ENOTDIR, ENOTEMPTY, EBUSY, EINVAL (".").
Result<void> vfs_rmdir(const PathContext& context, std::string_view path);

/// The bits of renameat2(). Source: Linux, include/uapi/linux/fs.h.
namespace rename_flag {
inline constexpr uint32_t kNoReplace = 1, kExchange = 2, kWhiteout = 4;
}  // namespace rename_flag

/// Moves a name; what has the new one goes, if it is of the same kind (EISDIR, ENOTDIR) and an empty
/// directory if it is one (ENOTEMPTY). Nothing happens if both are names of one file. EINVAL: a
/// directory into itself, and all flags but kNoReplace (EEXIST), which no file system here knows.
Result<void> vfs_rename(const PathContext& context, std::string_view from, std::string_view to);
/// The same from where the paths led (LastLink::kLeave).
Result<void> rename_last(const LastComponent& from, const LastComponent& to, const Credentials& who,
                         uint32_t flags);

/// Whether nothing may be changed here.
bool is_read_only(const Place& place);

/// Cuts or extends a regular file. EISDIR; EINVAL (other types); EROFS, EFBIG, ENOSPC.
Result<void> vfs_truncate(const Place& place, uint64_t size);
/// EROFS, EIO.
Result<void> vfs_set_attributes(const Place& place, const AttributeChange& change);

// For name_ops.cc, rename.cc and open().

/// What `name` is in a directory that the caller has locked; null: there is no such name. ENAMETOOLONG, EIO.
Result<RefPtr<Inode>> look_up_locked(Inode& directory, std::string_view name)
    REQUIRES_SHARED(directory.lock);

/// Locks an inode while a directory is locked: see SharedMutex::lock_beside(). Null is fine.
class BesideGuard {
 public:
  explicit BesideGuard(Inode* inode) NO_THREAD_SAFETY_ANALYSIS : inode_(inode) {
    if (inode_ != nullptr) inode_->lock.lock_beside();
  }
  ~BesideGuard() NO_THREAD_SAFETY_ANALYSIS {
    if (inode_ != nullptr) inode_->lock.unlock();
  }
  BesideGuard(const BesideGuard&) = delete;
  BesideGuard& operator=(const BesideGuard&) = delete;

 private:
  Inode* inode_;
};

}  // namespace cairn
