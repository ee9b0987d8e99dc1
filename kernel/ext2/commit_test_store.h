// For kernel tests of commits: a store on the test's disk, and changes of whole words.
#pragma once

#include "ext2/commit.h"
#include "ext2/ext2_test_disk.h"

namespace cairn::ext2::test {

// The blocks that the tests change.
inline constexpr BlockNumber kFresh{300}, kNames{301}, kOtherNames{302}, kInodes{303};

class TestStore {
 public:
  TestStore() : disk(test_disk()) {
    if (disk == nullptr) return;
    auto made = MetadataStore::create(*disk, kBlockSize, kBlocks);
    if (made.ok()) store = *made;
    (void)commit();  // the first one flushes
    disk->event_count = 0;
  }
  ~TestStore() { delete store; }
  explicit operator bool() const { return store != nullptr; }

  MetadataBlock block(BlockNumber number) {
    auto read = store->read(number);
    return read.ok() ? read.take() : MetadataBlock();
  }
  void set(BlockNumber number, uint32_t offset, uint32_t value, BlockKind kind)
      REQUIRES_SHARED(running_operation) {
    MetadataBlock at = block(number);
    good = good && store->change(at, kind).ok();
    *at.as<uint32_t>(offset) = value;
  }
  void set_later(BlockNumber number, uint32_t offset, uint32_t value, Step step)
      REQUIRES_SHARED(running_operation) {
    MetadataBlock at = block(number);
    auto* word = at.as<uint32_t>(offset);
    good = good && store->write_later(at, offset, 4, *word, step).ok();
    *word = value;
  }
  /// An inode's links_count of 1 at `offset` of kInodes.
  void make_inode(uint32_t offset, uint64_t inode, uint64_t parent)
      REQUIRES_SHARED(running_operation) {
    MetadataBlock at = block(kInodes);
    good = good && store->inode_made(at, offset, InodeNumber(inode), InodeNumber(parent)).ok();
    *at.as<uint32_t>(offset) = 1;
  }
  bool commit() { return store->commit().ok(); }

  LoggingDisk* disk;
  MetadataStore* store = nullptr;
  bool good = true;
};

}  // namespace cairn::ext2::test
