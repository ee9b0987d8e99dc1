#include "vfs/access.h"

namespace cairn {

namespace {

constexpr uint16_t kSticky = 01000, kSetGroupId = 02000, kSetUserId = 04000;
constexpr uint16_t kAnyExecute = 0111, kGroupExecute = 010;

bool permits(FileType type, const Attributes& file, const Credentials& who, uint32_t wanted) {
  if (who.is_root()) {
    bool executes = (wanted & kMayExecute) != 0 && type != FileType::kDirectory;
    return !executes || (file.permissions & kAnyExecute) != 0;
  }
  unsigned shift = file.owner == who.user ? 6 : who.in_group(file.group) ? 3 : 0;
  return (wanted & ~(uint32_t(file.permissions) >> shift)) == 0;
}

}  // namespace

Result<void> check_access(Inode& inode, const Credentials& who, uint32_t wanted) {
  if (inode.protection != 0 && (wanted & kMayWrite) != 0) {
    const bool appends = (wanted & kMayOverwrite) == 0;
    if (inode.is_immutable() || !appends) return Errno::kEPERM;
  }
  wanted &= ~kMayOverwrite;
  if (who.is_root() && (wanted & kMayExecute) == 0) return {};
  return permits(inode.type, inode.attributes(), who, wanted) ? Errno::kOk : Errno::kEACCES;
}

Result<void> check_remove(Inode& directory, Inode& victim, const Credentials& who) {
  if (directory.is_immutable()) return Errno::kEPERM;
  Attributes above = directory.attributes();
  if (!permits(directory.type, above, who, kMayWrite | kMayExecute)) return Errno::kEACCES;
  if (directory.protection != 0 || victim.protection != 0) return Errno::kEPERM;
  if (who.is_root()) return {};
  bool sticky = (above.permissions & kSticky) != 0;
  if (!sticky || above.owner == who.user) return {};
  return check_owner(victim, who);
}

Result<void> check_link(Inode& target, const Credentials& who) {
  if (target.protection != 0) return Errno::kEPERM;
  Attributes file = target.attributes();
  if (who.is_root() || file.owner == who.user) return {};
  bool set_group =
      (file.permissions & (kSetGroupId | kGroupExecute)) == (kSetGroupId | kGroupExecute);
  bool plain = target.type == FileType::kRegular && (file.permissions & kSetUserId) == 0;
  bool safe = plain && !set_group && permits(target.type, file, who, kMayRead | kMayWrite);
  return safe ? Errno::kOk : Errno::kEPERM;
}

uint16_t without_set_ids(uint16_t permissions, bool in_group) {
  bool group_too = !in_group || (permissions & kGroupExecute) != 0;
  return permissions & uint16_t(~(kSetUserId | (group_too ? kSetGroupId : 0)));
}

Result<void> check_owner(Inode& inode, const Credentials& who) {
  return who.is_root() || inode.attributes().owner == who.user ? Errno::kOk : Errno::kEPERM;
}

}  // namespace cairn
