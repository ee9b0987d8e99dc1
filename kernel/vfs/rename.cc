// rename: the one call that locks two directories.
#include <algorithm>

#include "vfs/dentry_cache.h"
#include "vfs/name_ops.h"

namespace cairn {

namespace {

/// What is to happen, once both names have been looked up.
struct Move {
  LastComponent from, to;
  uint32_t flags = 0;
  Credentials who;
  RefPtr<Inode> moved, victim;       // victim may be null: no such name
  bool into_itself = false;          // the target directory is `moved` or below it
  bool victim_holds_source = false;  // the source directory is `victim` or below it

  Inode& source() const { return *from.directory.inode; }
  Inode& target() const { return *to.directory.inode; }
};

bool is_directory(const RefPtr<Inode>& inode) { return inode->type == FileType::kDirectory; }

/// Errors in the order in which Linux finds them.
Result<void> check_names(const Move& move) {
  if (move.victim && (move.flags & rename_flag::kNoReplace) != 0) return Errno::kEEXIST;
  if (!move.victim && (move.flags & rename_flag::kExchange) != 0) return Errno::kENOENT;
  if (!is_directory(move.moved) && (move.from.trailing_slash || move.to.trailing_slash)) {
    return Errno::kENOTDIR;
  }
  if (move.into_itself) return Errno::kEINVAL;
  if (move.victim_holds_source) return Errno::kENOTEMPTY;
  return {};
}

/// Both names may be taken away, or made, by who asks. A directory that gets another parent changes, too.
Result<void> check_rights(const Move& move) {
  TRY(check_remove(move.source(), *move.moved, move.who));
  TRY(move.victim ? check_remove(move.target(), *move.victim, move.who)
                  : check_make(move.target(), move.who));
  bool new_parent = is_directory(move.moved) && &move.source() != &move.target();
  return new_parent ? check_access(*move.moved, move.who, kMayWrite) : Errno::kOk;
}

Result<void> check_kinds(const Move& move) {
  if (move.target().links.load() == 0) return Errno::kENOENT;
  if (move.victim && is_directory(move.moved) != is_directory(move.victim)) {
    return is_directory(move.moved) ? Errno::kENOTDIR : Errno::kEISDIR;
  }
  if (move.moved->mount_count.load() != 0) return Errno::kEBUSY;
  if (move.victim && move.victim->mount_count.load() != 0) return Errno::kEBUSY;
  constexpr uint32_t kUnknown = rename_flag::kExchange | rename_flag::kWhiteout;
  if ((move.flags & kUnknown) != 0) return Errno::kEINVAL;
  return {};
}

/// Everything is looked up and locked, but for the victim.
Result<void> carry_out(const Move& move, Inode& source, Inode& target)
    REQUIRES(source.lock, target.lock) {
  TRY(check_names(move));
  if (move.moved.get() == move.victim.get()) return {};
  // Neither is above the other, which was looked at; so the order of their addresses makes no circle.
  auto [lower, higher] = std::minmax({move.moved.get(), move.victim.get()});
  BesideGuard lower_guard(lower), higher_guard(higher);
  TRY(check_rights(move));
  TRY(check_kinds(move));
  auto renamed =
      source.rename(move.from.name(), *move.moved, target, move.to.name(), move.victim.get());
  if (renamed.ok()) {
    // In this order: who looks meanwhile finds the file by one of its names at any time.
    remember_entry(target, move.to.name(), *move.moved);
    dentry_cache_add(source, move.from.name(), nullptr);
  } else if (renamed.error() == Errno::kEIO) {
    dentry_cache_remove(source, move.from.name());
    dentry_cache_remove(target, move.to.name());
  }
  return renamed;
}

Result<void> rename_within(Move& move) NO_THREAD_SAFETY_ANALYSIS {
  ExclusiveGuard guard(move.source().lock);
  move.moved = TRY(look_up_locked(move.source(), move.from.name()));
  if (!move.moved) return Errno::kENOENT;  // before anything is wrong with the other name
  move.victim = TRY(look_up_locked(move.target(), move.to.name()));
  return carry_out(move, move.source(), move.target());
}

/// Whether `above` is `directory` or one of those that hold it. The rename lock keeps it so.
Result<bool> is_at_or_above(const Inode* above, RefPtr<Inode> directory) {
  if (above == nullptr) return false;
  while (directory.get() != above) {
    RefPtr<Inode> parent;
    {
      SharedGuard guard(directory->lock);
      auto found = directory->lookup("..");
      if (found.error() == Errno::kENOENT) return false;  // it was removed
      parent = TRY(std::move(found));
    }
    if (parent.get() == directory.get()) return false;
    directory = std::move(parent);
  }
  return true;
}

Result<RefPtr<Inode>> look_up_or_null(Inode& directory, std::string_view name) {
  SharedGuard guard(directory.lock);
  return look_up_locked(directory, name);
}

/// Looks both names up without keeping the directories locked, and who is above whom.
/// The directory to lock first is the one above.
Result<Inode*> survey(Move& move) {
  move.moved = TRY(look_up_or_null(move.source(), move.from.name()));
  if (!move.moved) return Errno::kENOENT;
  move.victim = TRY(look_up_or_null(move.target(), move.to.name()));
  move.into_itself = TRY(is_at_or_above(move.moved.get(), move.to.directory.inode));
  move.victim_holds_source = TRY(is_at_or_above(move.victim.get(), move.from.directory.inode));
  bool target_first = TRY(is_at_or_above(&move.target(), move.from.directory.inode));
  return target_first ? &move.target() : &move.source();
}

Result<void> rename_across(Move& move) NO_THREAD_SAFETY_ANALYSIS {
  MutexGuard one_at_a_time(move.source().file_system.rename_lock);
  while (true) {
    Inode* first = TRY(survey(move));
    // No two looks find the same inode there.
    if (move.source().file_system.changes_by_itself) return Errno::kEPERM;
    RefPtr<Inode> moved, victim;  // as they are once the directories are locked
    ExclusiveGuard first_guard(first->lock);
    BesideGuard second_guard(first == &move.source() ? &move.target() : &move.source());
    moved = TRY(look_up_locked(move.source(), move.from.name()));
    victim = TRY(look_up_locked(move.target(), move.to.name()));
    if (moved.get() == move.moved.get() && victim.get() == move.victim.get())
      return carry_out(move, move.source(), move.target());
  }
}

}  // namespace

Result<void> vfs_rename(const PathContext& context, std::string_view from, std::string_view to) {
  LastComponent source = TRY(resolve_last(context, from, LastLink::kLeave));
  LastComponent target = TRY(resolve_last(context, to, LastLink::kLeave));
  return rename_last(source, target, context.who, 0);
}

Result<void> rename_last(const LastComponent& from, const LastComponent& to, const Credentials& who,
                         uint32_t flags) {
  Move move;
  move.from = from;
  move.to = to;
  move.flags = flags;
  move.who = who;
  if (move.from.directory.mount.get() != move.to.directory.mount.get()) return Errno::kEXDEV;
  bool no_replace = (flags & rename_flag::kNoReplace) != 0;
  if (move.from.kind != LastComponent::kName) return Errno::kEBUSY;
  if (move.to.kind != LastComponent::kName) return no_replace ? Errno::kEEXIST : Errno::kEBUSY;
  if (is_read_only(move.from.directory)) return Errno::kEROFS;
  bool same_directory = &move.source() == &move.target();
  return same_directory ? rename_within(move) : rename_across(move);
}

}  // namespace cairn
