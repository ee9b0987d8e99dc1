// Renaming: one operation, so that a commit has both names' change or none.
#include "ext2/inode_table.h"
#include "ext2/name_index.h"
#include "ext2/names.h"
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

  MetadataStore& metadata() const { return from.fs().metadata; }
  bool changes_parent() const { return moved.type == FileType::kDirectory && &from != &to; }
};

/// The victim's entry becomes the moved file's.
Result<void> replace_entry(const Move& move, const EntryPlace& old) REQUIRES(move.to.lock)
    REQUIRES(move.from.lock) REQUIRES_SHARED(running_operation) {
  EntryPlace slot = TRY(entry_of(move.to, move.new_name, *move.victim));
  const bool is_directory = move.victim->type == FileType::kDirectory;
  const uint16_t links_before = links_of(*move.victim);
  TRY(move.metadata().change(slot.block));
  TRY(drop_link(*move.victim));
  auto stored = store_directory(move.to, false);
  if (stored.ok() && is_directory) stored = store_links(move.to, one_less(move.to));
  if (!stored.ok()) {
    (void)store_links(*move.victim, links_before);
    return stored;
  }
  slot.raw().inode = old.raw().inode;
  slot.raw().file_type = entry_type(move.moved);
  clear_entry(move.from, old);
  return {};
}

/// The old entry itself gets the new name, if it stays in its directory and the name fits.
Result<bool> change_name(const Move& move, const EntryPlace& old) REQUIRES(move.from.lock)
    REQUIRES_SHARED(running_operation) {
  bool fits = entry_size(move.new_name.size()) <= old.raw().record_length;
  if (&move.from != &move.to || !fits) return false;
  TRY(store_directory(move.from, true));
  note_entry_cleared(move.from, old);
  old.raw().name_length = uint8_t(move.new_name.size());
  memcpy(&old.raw() + 1, move.new_name.data(), move.new_name.size());
  note_entry_put(move.from, move.new_name, old.position);
  return true;
}

/// The moved file gets an entry of its new name, and loses the old one.
Result<void> move_entry(const Move& move, const EntryPlace& old) REQUIRES(move.to.lock)
    REQUIRES(move.from.lock) REQUIRES_SHARED(running_operation) {
  if (TRY(change_name(move, old))) return {};
  EntryRoom room = TRY(make_room(move.to, move.new_name.size()));
  TRY(store_directory(move.to, true));
  put_entry(move.to, room, move.new_name, move.moved);
  clear_entry(move.from, old);
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
  TRY(move.metadata().change(old.block));
  if (move.changes_parent()) {
    move.parent = TRY(parent_entry(move.moved));
    TRY(move.metadata().change(move.parent.block));
  }
  for (Ext2Inode* file : {&move.from, &move.to, &move.moved}) TRY(mark_inode(*file));
  if (move.victim != nullptr) {
    TRY(replace_entry(move, old));
  } else {
    TRY(move_entry(move, old));
  }
  // The names are changed, and nothing fails any more.
  if (move.parent) TRY(change_parent(move));
  if (&move.from != &move.to) TRY(store_directory(move.from, false));
  return store_links(move.moved, links_of(move.moved));  // its time of change
}

Result<void> run_in_operation(Move& move) REQUIRES(move.to.lock) REQUIRES(move.from.lock) {
  for (bool again = false;; again = true) {
    {
      Operation operation(move.metadata());
      auto done = run(move);
      if (done.ok() || again || !commit_would_help(move.from.fs(), done.error())) return done;
    }
    TRY(move.metadata().commit());
  }
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
