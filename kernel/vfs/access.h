// Who may do what: a file's owner, its group, and the others each have three permission bits. Root passes
// all checks of these but one: what nobody may execute, root may not either.
//
// Beside them a file may be immutable, or append-only: its data, names and attributes stay as they are, but for
// what is added to an append-only one. That binds root, too (Inode::protection).
//
// Callers look the file up first and hold no lock for the check, or the file's own: attributes are a
// snapshot. Errors are Linux's: EACCES where bits forbid it, EPERM where only the owner may or nobody.
// Source: POSIX.1-2017, "File Access Permissions"; Linux, path_resolution(7), credentials(7).
#pragma once

#include "vfs/group_list.h"
#include "vfs/inode.h"

namespace cairn {

/// For whom a file is looked for, opened and made: Linux's fsuid and fsgid.
struct Credentials {
  uint32_t user = 0;
  uint32_t group = 0;
  RefPtr<GroupList> groups{};  // further ones; null: none
  bool in_group(uint32_t which) const { return which == group || (groups && groups->has(which)); }
  bool is_root() const { return user == 0; }
};

inline constexpr uint32_t kMayExecute = 1, kMayWrite = 2, kMayRead = 4;  // of directories: search
inline constexpr uint32_t kMayOverwrite = 8;  // with kMayWrite: to do more than append

/// Whether `who` may do all of `wanted` (kMay…). EACCES; EPERM: the file is protected.
Result<void> check_access(Inode& inode, const Credentials& who, uint32_t wanted);

/// Whether names may be made in the directory. EACCES, EPERM.
inline Result<void> check_make(Inode& directory, const Credentials& who) {
  return check_access(directory, who, kMayWrite | kMayExecute);
}
/// Whether the name of `victim` may be taken out of the directory. EACCES; EPERM: the directory is sticky,
/// and neither it nor the victim is theirs; or one of them is protected.
Result<void> check_remove(Inode& directory, Inode& victim, const Credentials& who);
/// Whether a further name may be made for `target`: not by others for what they can't read and write, or
/// for what runs with its owner's rights; by nobody for what is protected. EPERM. Source: Linux, proc(5),
/// "protected_hardlinks".
Result<void> check_link(Inode& target, const Credentials& who);
/// Permissions without the set-user-ID bit, and without the set-group-ID bit if the group may execute the file
/// or the caller isn't `in_group`: what a file that changes hands or content keeps.
uint16_t without_set_ids(uint16_t permissions, bool in_group);

/// Whether the file is theirs. EPERM.
Result<void> check_owner(Inode& inode, const Credentials& who);

}  // namespace cairn
