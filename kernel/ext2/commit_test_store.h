// For kernel tests of commits: a store on the test's disk, and changes of whole words.
#pragma once

#include "ext2/commit.h"
#include "ext2/ext2_test_disk.h"

namespace cairn::ext2::test {

// The blocks that the tests change.
inline constexpr BlockNumber kFresh{300}, kNames{301}, kOtherNames{302}, kInodes{303};
inline constexpr BlockNumber kJournalInodeBlock{310};
inline constexpr uint32_t kFirstOfJournal = 600;

/// `journal`: so many blocks from kFirstOfJournal on; 0: there is no journal.
class TestStore {
 public:
  explicit TestStore(uint32_t journal = 60) : disk(test_disk()) {
    if (disk == nullptr) return;
    auto made = MetadataStore::create(*disk, kBlockSize, kBlocks);
    if (!made.ok()) return;
    store = *made;
    if (journal != 0) good = open_journal(journal).ok();
    (void)commit();  // the first one flushes
    disk->event_count = 0;
  }
  ~TestStore() { delete store; }
  explicit operator bool() const { return store != nullptr; }

  Result<void> open_journal(uint32_t length) {
    uint32_t numbers[kMostBlocks];
    for (uint32_t i = 0; i < length; i++) numbers[i] = kFirstOfJournal + i;
    return store->open_journal({numbers, length}, kJournalInodeBlock);
  }
  MetadataBlock block(BlockNumber number) {
    auto read = store->read(number);
    return read.ok() ? read.take() : MetadataBlock();
  }
  void set(BlockNumber number, uint32_t offset, uint32_t value) REQUIRES_SHARED(running_operation) {
    MetadataBlock at = block(number);
    good = good && store->change(at).ok();
    *at.as<uint32_t>(offset) = value;
  }
  bool commit() { return store->commit().ok(); }
  bool shows_journal() {
    return disk->word(1, offsetof(Superblock, feature_incompat)) == kIncompatRecover;
  }

  static constexpr uint32_t kMostBlocks = 300;

  LoggingDisk* disk;
  MetadataStore* store = nullptr;
  bool good = true;
};

}  // namespace cairn::ext2::test
