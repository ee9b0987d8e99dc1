// Private to commit*.cc: what an epoch consists of.
#pragma once

#include "ext2/block_writer.h"
#include "ext2/commit.h"
#include "lib/tree.h"
#include "sched/mutex.h"

namespace cairn::ext2 {

/// A moment within a commit: a stage, and within the births a level. What happens at a later moment
/// is undone in what is written at this one.
using Moment = uint32_t;
inline constexpr unsigned kMomentShift = 16;
enum Stage : uint32_t { kNewBlocks = 1, kInodeBlocks, kBirths, kReplace, kDeaths, kRemove };
constexpr Moment moment(Stage stage, uint32_t level = 0) { return stage << kMomentShift | level; }
constexpr Stage stage_of(Moment at) { return Stage(at >> kMomentShift); }
constexpr Moment moment_of(Step step) {
  switch (step) {
    case Step::kDeaths: return moment(kDeaths);
    case Step::kReplace: return moment(kReplace);
    case Step::kVictims: return moment(kDeaths);
    case Step::kRemove: return moment(kRemove);
  }
  return moment(kRemove);
}

/// Bytes of a block that are written otherwise until some moment. In memory it is followed by three
/// times `size` bytes: the value before `until`, that between `until` and `last`, and the final one,
/// which is known when the epoch ends.
struct Note {
  TreeLink<Note> link;
  uint64_t key = 0;  // note_key(): the block and the offset in it
  uint16_t size = 0;
  Moment until = 0;
  Moment last = 0;  // 0: no value in between
  bool is_birth = false;

  uint8_t* value(unsigned which) { return reinterpret_cast<uint8_t*>(this + 1) + which * size; }
  uint8_t* before() { return value(0); }
  uint8_t* between() { return value(1); }
  uint8_t* final() { return value(2); }
  uint8_t* at(Moment now) { return now < until ? before() : now < last ? between() : final(); }
  uint32_t offset() const { return uint32_t(key & (kPageSize - 1)); }
};
constexpr uint64_t note_key(BlockNumber block, uint32_t offset) {
  return block.value << kPageShift | offset;
}
inline uint64_t key_of_note(const Note& note) { return note.key; }

/// An inode that was made in this epoch, or a directory that grew in it: files whose names are in it
/// can be found only once it is on the device.
struct Birth {
  TreeLink<Birth> link;
  uint64_t inode = 0;
  uint64_t parent = 0;
  Note* note = nullptr;    // null: it is on the device already
  bool last = false;       // after all others
  bool has_level = false;  // computed at the end of the epoch
  uint32_t level = 0;      // 0: with the other inodes
};
inline uint64_t key_of_birth(const Birth& birth) { return birth.inode; }

/// A changed block.
struct Record {
  TreeLink<Record> link;
  uint64_t number = 0;
  BlockKind kind = BlockKind::kInodes;
  BlockKind next_kind = BlockKind::kInodes;  // of a kNew block, once it isn't new any more
  bool changed = false;                      // beyond the bytes of its notes
  bool owns_frame = false;                   // `copy` lies at the start of a frame of its own
  uint32_t stages = 0;                       // bit n: a note of it changes at stage n
  uint32_t note_count = 0;
  MetadataBlock block;      // pinned
  uint8_t* copy = nullptr;  // as it was at the end of the epoch

  Stage first_stage() const { return kind == BlockKind::kInodes ? kInodeBlocks : kNewBlocks; }
};
inline uint64_t key_of_record(const Record& record) { return record.number; }

struct Epoch {
  static constexpr uint32_t kRecent = 16;

  Tree<Record, &Record::link, &key_of_record> records;
  Tree<Note, &Note::link, &key_of_note> notes;
  Tree<Birth, &Birth::link, &key_of_birth> births;
  uint64_t record_count = 0;
  uint64_t birth_count = 0;
  bool whole = false;   // to be written as a whole
  uint32_t levels = 0;  // of births, without the last ones
  Record* recent[kRecent] = {};

  ~Epoch() { clear(); }
  bool empty() const { return records.empty(); }
  Record* find_record(uint64_t number);
  Note* find_note(uint64_t key) const;
  Birth* find_birth(uint64_t inode) const;
  /// The first note of the block; go on with notes.next() while has_note().
  Note* first_note(const Record& record) const;
  static bool belongs(const Note* note, const Record& record) {
    return note != nullptr && note->key >> kPageShift == record.number;
  }
  void add_note(Record& record, Note& note);
  void remove_notes(Record& record);
  void remove_record(Record& record);
  void clear();

  /// At the epoch's end: works out the births' levels and the notes' final values.
  void seal();
  /// Takes over what `older`, whose commit failed, could not write. `inodes_written`: it got as far
  /// as the inodes, so its new blocks may have been referred to since.
  void take_over(Epoch& older, bool inodes_written);

 private:
  Birth* above(const Birth& birth) const;
  uint32_t level_of(Birth& birth);
};

struct Journal;  // commit_journal.cc

Note* new_note(BlockNumber block, uint32_t offset, uint32_t size, Moment until);

struct MetadataStore::State {
  State(BlockDevice& device, uint32_t block_size, uint64_t block_count)
      : device(device),
        block_size(block_size),
        block_count(block_count),
        writer(device, block_size) {}
  ~State();

  // Immutable after creation.
  BlockDevice& device;
  const uint32_t block_size;
  const uint64_t block_count;
  CacheOwner* pages = nullptr;

  Result<void> (*write_data)(void*) = nullptr;
  void* write_data_context = nullptr;
  void (*seal)(void*) = nullptr;
  void* seal_context = nullptr;
  void (*release)(void*) = nullptr;
  void* release_context = nullptr;
  bool (*lend)(void*, std::span<uint32_t>) = nullptr;  // null: nothing can be written as a whole
  void* lend_context = nullptr;
  BlockNumber journal_inode_block{};

  std::atomic<bool> wanted{false};  // the seal has something to write
  std::atomic<uint64_t> epoch_number{1};

  Spinlock lock{"metadata", LockRank::kMetadata};
  Epoch* current GUARDED_BY(lock) = nullptr;
  Epoch* committing GUARDED_BY(lock) = nullptr;

  // One commit at a time; what is below belongs to it.
  Mutex commit_mutex{"commit", LockRank::kCommit};
  Epoch* spare GUARDED_BY(commit_mutex) = nullptr;
  BlockWriter writer GUARDED_BY(commit_mutex);
  uint64_t flushed_writes GUARDED_BY(commit_mutex) = UINT64_MAX;  // covered by the last flush
  bool journal_shown GUARDED_BY(commit_mutex) = false;  // the device's superblock may have one
  unsigned spares_used GUARDED_BY(commit_mutex) = 0;    // of the reserve

  // For commits when there is no memory for copies: blocks pass through these in turns.
  static constexpr unsigned kReserveFrames = 8;
  uint8_t* reserve[kReserveFrames] = {};

  /// Calls `use(epoch, record)` with the lock held, the record made if there is none. ENOMEM.
  template <class Use>
  Result<void> with_record(const MetadataBlock& block, Use use);
  /// Adds the note (null: no memory) to a block of that kind, or what it says to the one there is.
  Result<void> add_note(const MetadataBlock& block, BlockKind kind, Note* note);
  /// Notes `size` bytes as they are now.
  Result<void> keep(const MetadataBlock& block, BlockKind kind, uint32_t offset, uint32_t size,
                    Moment until);

  Result<void> prepare();
  bool seal_and_copy();
  bool copy_blocks(Epoch& epoch);
  void drop_copies(Epoch& epoch);
  Epoch& end_epoch() REQUIRES(commit_mutex);
  static bool is_due(const Epoch& epoch, const Record& record, Moment now);
  Result<uint8_t*> spare_block() REQUIRES(commit_mutex);
  Result<void> finish_writes() REQUIRES(commit_mutex);
  Result<uint8_t*> image(Epoch& epoch, Record& record, Moment now) REQUIRES(commit_mutex);
  Result<void> write_epoch(Epoch& epoch, bool& inodes_written) REQUIRES(commit_mutex);
  Result<void> write_moment(Epoch& epoch, Moment now) REQUIRES(commit_mutex);
  Result<void> flush() REQUIRES(commit_mutex);
  BlockNumber superblock_number() const { return BlockNumber(kSuperblockOffset / block_size); }
  bool lend_journal(const Epoch& epoch, Journal& journal);
  Result<uint8_t*> empty_block() REQUIRES(commit_mutex);
  Result<void> log_blocks(Epoch& epoch, const Journal& journal, uint32_t& next)
      REQUIRES(commit_mutex);
  Result<void> write_pointers(const Journal& journal) REQUIRES(commit_mutex);
  Result<void> write_journal(Epoch& epoch, const Journal& journal) REQUIRES(commit_mutex);
  Result<void> write_superblock(Epoch& epoch, const Journal* shown) REQUIRES(commit_mutex);
  Result<bool> write_as_a_whole(Epoch& epoch, bool& begun) REQUIRES(commit_mutex);
  Result<void> write_all_data() REQUIRES(commit_mutex);
  void settle(Epoch& epoch, bool written, bool inodes_written) REQUIRES(commit_mutex);
};

}  // namespace cairn::ext2
