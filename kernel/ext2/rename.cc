// Renaming. The new name is there before the old one goes, on the device too; where both lie in one
// block they change together.
#include "ext2/name_index.h"
#include "ext2/names.h"

#include "ext2/allocation.h"
#include "ext2/inode_table.h"
#include "lib/string.h"

namespace cairn::ext2 {

namespace {

/// What a rename is about. All locks that Inode::rename() names are held.
struct Move {
  Ext2Inode& from;
  std::string_view name;
  Ext2Inode& moved;
  Ext2Inode& to;
  std::string_view new_name;
  Ext2Inode* victim;
  EntryPlace parent{};  // the moved directory's "..", if that changes
  bool alone = false;   // it was tried before, and the epoch is a new one

  MetadataStore& metadata() const { return from.fs().metadata; }
  bool moves_directory() const { return moved.type == FileType::kDirectory; }
  bool changes_parent() const { return moves_directory() && &from != &to; }
};

constexpr uint64_t kJournalBlocks = 32;  // more than a commit of one rename needs for its journal

/// The rename will be seen as a whole. ENOSPC: there is no room for the journal that this takes. EIO,
/// EUCLEAN, ENOMEM.
Result<void> write_as_a_whole(const Move& move) REQUIRES_SHARED(running_operation) {
  TRY(move.from.fs().allocator.prepare_to_lend(kJournalBlocks));
  return move.metadata().write_as_a_whole();
}

/// Notes that the name goes from one block to another, where it replaces `replaced` (0: nothing).
Result<void> note_move(const Move& move, const EntryPlace& old, const EntryField& to,
                       InodeNumber replaced) REQUIRES_SHARED(running_operation) {
  if (move.moves_directory()) {
    // It can't be done in steps (commit_journal.cc). Its epoch is its own, so that the journal is small.
    if (to.block.number() != old.block.number()) {
      if (!move.alone) return Errno::kEAGAIN;
      TRY(write_as_a_whole(move));
    }
    EntryField dot_dot;
    if (move.parent) dot_dot = {move.parent.block, move.parent.offset};
    return move.metadata().directory_moved(move.moved.number, replaced, to, {old.block, old.offset},
                                           dot_dot);
  }
  if (replaced.value != 0 && !move.metadata().is_new(replaced)) {
    // In steps, a cut between them can leave the file under its old name and nothing under the new one.
    // Without room for a journal, or if that can't be found out, that is the best there is.
    (void)write_as_a_whole(move);
    TRY(move.metadata().write_later(to.block, to.offset, 4, uint32_t(replaced.value),
                                    Step::kReplace));
  } else if (replaced.value == 0 && move.metadata().is_new(move.moved.number)) {
    return move.metadata().change(old.block, BlockKind::kDirectory);
  }
  return move.metadata().write_later(old.block, inode_field(old), 4, old.raw().inode,
                                     Step::kRemove);
}

/// Notes that the victim's name goes over to an entry in the same block.
Result<void> note_swap(const Move& move, const EntryPlace& slot, const EntryPlace& old)
    REQUIRES_SHARED(running_operation) {
  // A victim that the device doesn't know needs no care: both names change in one write.
  if (move.victim->making_epoch == move.metadata().epoch()) {
    return move.metadata().change(slot.block, BlockKind::kDirectory);
  }
  return move.metadata().replace_in_block(slot.block, slot.offset, old.offset);
}

/// The victim's entry becomes the moved file's.
Result<void> replace_entry(const Move& move, const EntryPlace& old) REQUIRES(move.to.lock)
    REQUIRES(move.from.lock) REQUIRES_SHARED(running_operation) {
  EntryPlace slot = TRY(entry_of(move.to, move.new_name, *move.victim));
  // The victim keeps the name until late in the commit, and a new file must have one earlier.
  const uint64_t epoch = move.metadata().epoch();
  if (move.moved.making_epoch == epoch && move.victim->making_epoch != epoch) {
    return Errno::kEAGAIN;
  }
  const bool one_block = slot.block.number() == old.block.number();
  const bool is_directory = move.victim->type == FileType::kDirectory;
  const uint16_t links_before = links_of(*move.victim);
  Step death = is_directory ? Step::kDeaths : Step::kRemove;
  // It may be found on the device once more, so what it leads to must be its own: a commit sees to that,
  // unless it had no memory.
  if (one_block && !move.metadata().is_new(move.victim->number) &&
      move.victim->dirty_count.load() != 0) {
    if (!move.alone) return Errno::kEAGAIN;
    TRY(write_back(*move.victim));
  }
  TRY(drop_link(*move.victim, one_block ? Step::kVictims : death));
  auto noted = one_block ? note_swap(move, slot, old)
                         : note_move(move, old, {slot.block, slot.offset}, move.victim->number);
  if (noted.ok()) noted = store_directory(move.to, false);
  if (noted.ok() && is_directory) noted = store_links(move.to, one_less(move.to));
  if (!noted.ok()) {
    (void)store_links(*move.victim, links_before);
    return noted;
  }
  slot.raw().inode = old.raw().inode;
  slot.raw().file_type = entry_type(move.moved);
  clear_entry(move.from, old, move.moved);
  return {};
}

/// The old entry itself gets the new name, if it stays in its directory and the name fits.
Result<bool> change_name(const Move& move, const EntryPlace& old) REQUIRES(move.from.lock)
    REQUIRES_SHARED(running_operation) {
  bool fits = entry_size(move.new_name.size()) <= old.raw().record_length;
  if (&move.from != &move.to || !fits) return false;
  if (move.metadata().is_held(old.block, inode_field(old))) return false;
  TRY(move.metadata().change(old.block, BlockKind::kDirectory));
  TRY(store_directory(move.from, true));
  note_removed_name(move.from, move.name, move.moved);
  note_entry_cleared(move.from, old);
  old.raw().name_length = uint8_t(move.new_name.size());
  memcpy(&old.raw() + 1, move.new_name.data(), move.new_name.size());
  note_entry_put(move.from, move.new_name, old.position);
  return true;
}

/// The moved file gets an entry of its new name, and loses the old one.
Result<void> move_entry(const Move& move, const EntryPlace& old) REQUIRES(move.to.lock)
    REQUIRES(move.from.lock) REQUIRES_SHARED(running_operation) {
  TRY(check_new_name(move.to, move.new_name));
  if (TRY(change_name(move, old))) return {};
  EntryRoom room = TRY(make_room(move.to, move.new_name.size(), old.block.number()));
  // Within one block, which is written at once, both change at once: no note is needed. A directory's
  // old name may have one already, which the new one must have then, too.
  if (room.block.number() != old.block.number() || move.moves_directory()) {
    TRY(note_move(move, old, {room.block, room.offset + room.kept}, InodeNumber(0)));
  }
  TRY(store_directory(move.to, true));
  put_entry(move.to, room, move.new_name, move.moved);
  clear_entry(move.from, old, move.moved);
  return {};
}

/// A directory that came into another one says so in its "..", and counts there.
Result<void> change_parent(const Move& move) REQUIRES_SHARED(running_operation) {
  TRY(store_links(move.to, uint16_t(links_of(move.to) + 1)));
  TRY(store_links(move.from, one_less(move.from)));
  move.parent.raw().inode = uint32_t(move.to.number.value);
  return {};
}

Result<void> run(Move& move) REQUIRES(move.to.lock) REQUIRES(move.from.lock)
    REQUIRES_SHARED(running_operation) {
  EntryPlace old = TRY(entry_of(move.from, move.name, move.moved));
  const uint64_t epoch = move.metadata().epoch();
  if (move.moves_directory() && move.moved.moving_epoch == epoch) return Errno::kEAGAIN;
  if (move.changes_parent()) move.parent = TRY(parent_entry(move.moved));
  if (move.victim != nullptr) {
    TRY(replace_entry(move, old));
  } else {
    TRY(move_entry(move, old));
  }
  move.moved.moving_epoch = epoch;
  // The names are changed: whatever fails from here on is told, but it is not undone.
  Result<void> first;
  if (move.parent) first = change_parent(move);
  if (&move.from != &move.to) {
    auto stored = store_directory(move.from, false);
    if (first.ok()) first = stored;
  }
  auto stored = store_links(move.moved, links_of(move.moved));  // its time of change
  move.metadata().inode_moved(move.moved.number, move.to.number);
  return first.ok() ? stored : first;
}

Result<void> run_in_operation(Move& move) REQUIRES(move.to.lock) REQUIRES(move.from.lock) {
  for (;; move.alone = true) {
    {
      Operation operation(move.metadata());
      auto done = run(move);
      if (done.ok() && move.alone && move.moves_directory()) break;
      if (done.ok() || move.alone) return done;
      if (!commit_would_help(move.from.fs(), done.error())) return done;
    }
    TRY(move.metadata().commit());
  }
  return move.metadata().commit();
}

}  // namespace

Result<void> Ext2Inode::rename(std::string_view name, Inode& moved, Inode& target,
                               std::string_view new_name, Inode* victim)
    NO_THREAD_SAFETY_ANALYSIS {  // the analysis can't follow locks through casts
  if (type != FileType::kDirectory || target.type != FileType::kDirectory) return Errno::kENOTDIR;
  if (file_system.read_only) return Errno::kEROFS;
  if (new_name.size() > kMaxNameLength) return Errno::kENAMETOOLONG;
  if (target.links.load() == 0) return Errno::kENOENT;
  Move move{*this,
            name,
            static_cast<Ext2Inode&>(moved),
            static_cast<Ext2Inode&>(target),
            new_name,
            static_cast<Ext2Inode*>(victim)};
  bool gains_directory =
      move.changes_parent() && (victim == nullptr || victim->type != FileType::kDirectory);
  if (gains_directory && target.links.load() >= kMaxLinks) return Errno::kEMLINK;
  if (victim != nullptr && victim->type == FileType::kDirectory && !TRY(is_empty(*move.victim))) {
    return Errno::kENOTEMPTY;
  }
  return run_in_operation(move);
}

}  // namespace cairn::ext2
