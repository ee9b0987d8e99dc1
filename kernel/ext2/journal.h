// The journal that a commit makes, shows and hides again: a file of blocks that are free and set aside.
//
// Nothing on the device says that it is there but the superblock, and that only while a commit writes
// blocks where they belong. No block of it is marked as used, and its inode (8) stays empty, since e2fsck
// takes the copy of it in the superblock then. It writes that copy to the inode, so the inode's block, as
// it is, is logged with every transaction, and so is the superblock, without a journal: after a replay
// nothing of it is left.
//
//   block of the file   0           1            2 …             …        …       the last
//                      ┌───────────┬────────────┬───────┬─ … ─┬────────┬───────┬─ … ─┬───┐
//                      │ journal   │ descriptor │ block │     │ commit │ zeros │     │   │ (again, to 1,024)
//                      │ superblock│ what comes │       │     │        │       │     │   │
//                      └───────────┴────────────┴───────┴─ … ─┴────────┴───────┴─ … ─┴───┘
//                        never changes  ◀───────── one transaction ────────▶
//
// There is no journal, and the log says so, on a device that has too few free blocks when it is mounted,
// is of revision 0, or was an ext3.
// Measured with e2fsck 1.47.0: -p replays and repairs after a cut at any write of a commit. Given a
// file's name with an `offset` it loses that after the replay, and must be started once more.
// Source: e2fsprogs, lib/ext2fs/kernel-jbd.h; e2fsck/journal.c, e2fsck_get_journal(); e2fsck/recovery.c.
#pragma once

#include "ext2/block_writer.h"
#include "ext2/layout.h"
#include "ext2/transaction.h"

namespace cairn::ext2 {

class Journal {
 public:
  Journal(BlockWriter& writer, uint32_t block_size) : writer_(writer), block_size_(block_size) {}
  ~Journal();

  /// So many blocks a short journal takes beside those of a transaction: the pointers', its superblock, a
  /// descriptor, the commit block, zeros, the device's superblock, the inode's.
  static constexpr uint32_t kOverhead = 8;
  /// It takes at most so many.
  uint32_t longest() const;
  /// How many blocks a transaction may have in a journal of so many, the superblock and the inode's block
  /// not counted.
  uint32_t capacity_of(uint32_t count) const;

  /// The journal lies in these blocks from now on, at most longest(). Writes what leads to them. EIO,
  /// ENOMEM: there is none.
  Result<void> open(std::span<const uint32_t> blocks);

  // What these add to the writer stays as it is until the writer has finished.

  /// A transaction's blocks, the superblock last: until it is there, a replay that is interrupted, too,
  /// begins again.
  void log(const Transaction& transaction);
  /// The superblock with the journal in it.
  void show(const Record& superblock);
  /// `record` where it belongs.
  void write_home(Record& record);

 private:
  static constexpr uint32_t kLongest = 512;  // blocks, with those of pointers
  static constexpr uint32_t kPlaces =
      6;  // blocks of memory: three descriptors, commit, zeros, superblock

  uint8_t* place(uint32_t index);
  uint32_t tags_per_block() const;
  uint32_t pointers_per_block() const { return block_size_ / uint32_t(sizeof(uint32_t)); }
  /// Where a block of the journal's file lies.
  BlockNumber at(uint64_t index) const;

  BlockWriter& writer_;
  const uint32_t block_size_;
  uint32_t blocks_[kLongest] = {};  // indirect, double indirect, then the file's
  uint32_t count_ = 0;
  uint8_t* places_[kPlaces] = {};
};

}  // namespace cairn::ext2
