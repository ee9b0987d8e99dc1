// Who may do what: a file's owner, its group, and the others each have three permission bits. Root passes
// all checks but one: what nobody may execute, root may not either.
//
// Callers look the file up first and hold no lock for the check, or the file's own: attributes are a
// snapshot. Errors are Linux's: EACCES where bits forbid it, EPERM where only the owner may.
// Source: POSIX.1-2017, "File Access Permissions"; Linux, path_resolution(7), credentials(7).
#pragma once

#include "vfs/inode.h"

namespace cairn {

/// For whom a file is looked for, opened and made: Linux's fsuid and fsgid.
struct Credentials {
  uint32_t user = 0;
  uint32_t group = 0;
  bool is_root() const { return user == 0; }
};

inline constexpr uint32_t kMayExecute = 1, kMayWrite = 2, kMayRead = 4;  // of directories: search

/// Whether `who` may do all of `wanted` (kMay…). EACCES.
Result<void> check_access(Inode& inode, const Credentials& who, uint32_t wanted);

/// Whether names may be made in the directory. EACCES.
inline Result<void> check_make(Inode& directory, const Credentials& who) {
  return check_access(directory, who, kMayWrite | kMayExecute);
}
/// Whether the name of `victim` may be taken out of the directory. EACCES; EPERM: the directory is sticky,
/// and neither it nor the victim is theirs.
Result<void> check_remove(Inode& directory, Inode& victim, const Credentials& who);
/// Whether a further name may be made for `target`: not by others for what they can't read and write, or
/// for what runs with its owner's rights. EPERM. Source: Linux, proc(5), "protected_hardlinks".
Result<void> check_link(Inode& target, const Credentials& who);
/// Whether the file is theirs. EPERM.
Result<void> check_owner(Inode& inode, const Credentials& who);

}  // namespace cairn
