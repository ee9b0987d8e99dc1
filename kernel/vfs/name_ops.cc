#include "vfs/name_ops.h"

#include "vfs/dentry_cache.h"

namespace cairn {

namespace {

/// What every call that adds a name checks, the directory locked.
Result<void> check_new_name(Inode& directory, const LastComponent& last, bool is_directory)
    REQUIRES_SHARED(directory.lock) {
  RefPtr<Inode> existing = TRY(look_up_locked(directory, last.name()));
  if (existing) return Errno::kEEXIST;
  if (last.trailing_slash && !is_directory) return Errno::kENOENT;
  if (is_read_only(last.directory)) return Errno::kEROFS;
  return {};
}

/// Lets the directory remove the name, and makes the cache know. Victim and directory are locked.
Result<void> remove_name(Inode& directory, std::string_view name, Inode& victim)
    REQUIRES(directory.lock) {
  auto removed = directory.unlink(name, victim);
  if (removed.ok()) {
    dentry_cache_add(directory, name, nullptr);
  } else if (removed.error() == Errno::kEIO) {
    dentry_cache_remove(directory, name);  // who knows
  }
  return removed;
}

}  // namespace

bool is_read_only(const Place& place) {
  return place.mount->read_only || place.inode->file_system.read_only;
}

Result<RefPtr<Inode>> look_up_locked(Inode& directory, std::string_view name) {
  if (name.size() > kMaxNameLength) return Errno::kENAMETOOLONG;
  if (auto known = dentry_cache_find(directory, name)) return std::move(known->inode);
  if (directory.links.load() == 0) return RefPtr<Inode>();  // removed, and empty
  auto found = directory.lookup(name);
  if (!found.ok()) {
    if (found.error() != Errno::kENOENT) return found.error();
    if (!directory.file_system.changes_by_itself) dentry_cache_add(directory, name, nullptr);
    return RefPtr<Inode>();
  }
  if (directory.file_system.changes_by_itself) return found.take();
  remember_entry(directory, name, **found);
  return found.take();
}

Result<void> vfs_make(const PathContext& context, std::string_view path, NewFile file) {
  file.owner = context.who.user;
  file.group = context.who.group;
  LastComponent last = TRY(resolve_last(context, path, LastLink::kLeave));
  if (last.kind != LastComponent::kName) return Errno::kEEXIST;
  Inode& directory = *last.directory.inode;
  RefPtr<Inode> made;  // dropped with no locks held
  ExclusiveGuard guard(directory.lock);
  TRY(check_new_name(directory, last, file.type == FileType::kDirectory));
  if (directory.links.load() == 0) return Errno::kENOENT;
  TRY(check_make(directory, context.who));
  bool device = file.type == FileType::kCharacterDevice || file.type == FileType::kBlockDevice;
  if (device && !context.who.is_root()) return Errno::kEPERM;
  made = TRY(directory.create(last.name(), file));
  remember_entry(directory, last.name(), *made);
  return {};
}

Result<void> vfs_link(const Place& target, const PathContext& context, std::string_view path) {
  LastComponent last = TRY(resolve_last(context, path, LastLink::kLeave));
  if (last.kind != LastComponent::kName) return Errno::kEEXIST;
  Inode& directory = *last.directory.inode;
  ExclusiveGuard guard(directory.lock);
  TRY(check_new_name(directory, last, false));
  if (last.directory.mount.get() != target.mount.get()) return Errno::kEXDEV;
  TRY(check_link(*target.inode, context.who));
  if (directory.links.load() == 0) return Errno::kENOENT;
  TRY(check_make(directory, context.who));
  if (target.inode->type == FileType::kDirectory) return Errno::kEPERM;
  BesideGuard target_guard(target.inode.get());
  if (target.inode->links.load() == 0) return Errno::kENOENT;
  TRY(directory.link(last.name(), *target.inode));
  dentry_cache_add(directory, last.name(), target.inode.get());
  return {};
}

Result<void> vfs_unlink(const PathContext& context, std::string_view path) {
  LastComponent last = TRY(resolve_last(context, path, LastLink::kLeave));
  if (last.kind != LastComponent::kName) return Errno::kEISDIR;
  if (is_read_only(last.directory)) return Errno::kEROFS;
  Inode& directory = *last.directory.inode;
  RefPtr<Inode> victim;  // dropped with no locks held: it may be the last user
  ExclusiveGuard guard(directory.lock);
  victim = TRY(look_up_locked(directory, last.name()));
  if (!victim) return Errno::kENOENT;
  bool is_directory = victim->type == FileType::kDirectory;
  if (last.trailing_slash) return is_directory ? Errno::kEISDIR : Errno::kENOTDIR;
  TRY(check_remove(directory, *victim, context.who));
  if (is_directory) return Errno::kEISDIR;
  BesideGuard victim_guard(victim.get());
  return remove_name(directory, last.name(), *victim);
}

Result<void> vfs_rmdir(const PathContext& context, std::string_view path) {
  LastComponent last = TRY(resolve_last(context, path, LastLink::kLeave));
  switch (last.kind) {
    case LastComponent::kName: break;
    case LastComponent::kDot: return Errno::kEINVAL;
    case LastComponent::kDotDot: return Errno::kENOTEMPTY;
    case LastComponent::kRoot: return Errno::kEBUSY;
  }
  if (is_read_only(last.directory)) return Errno::kEROFS;
  Inode& directory = *last.directory.inode;
  RefPtr<Inode> victim;
  ExclusiveGuard guard(directory.lock);
  victim = TRY(look_up_locked(directory, last.name()));
  if (!victim) return Errno::kENOENT;
  TRY(check_remove(directory, *victim, context.who));
  if (victim->type != FileType::kDirectory) return Errno::kENOTDIR;
  BesideGuard victim_guard(victim.get());
  if (victim->mount_count.load() != 0) return Errno::kEBUSY;
  return remove_name(directory, last.name(), *victim);
}

Result<void> vfs_truncate(const Place& place, uint64_t size) {
  Inode& inode = *place.inode;
  if (inode.type == FileType::kDirectory) return Errno::kEISDIR;
  if (inode.type != FileType::kRegular) return Errno::kEINVAL;
  if (is_read_only(place)) return Errno::kEROFS;
  ExclusiveGuard guard(inode.lock);
  return inode.resize(size);
}

Result<void> vfs_set_attributes(const Place& place, const AttributeChange& change) {
  if (is_read_only(place)) return Errno::kEROFS;
  constexpr uint32_t kRights =
      AttributeChange::kPermissions | AttributeChange::kOwner | AttributeChange::kGroup;
  if ((change.which & kRights) != 0 && place.inode->protection != 0) return Errno::kEPERM;
  ExclusiveGuard guard(place.inode->lock);
  return place.inode->set_attributes(change);
}

}  // namespace cairn
