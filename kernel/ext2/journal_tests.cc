// Kernel tests of what a journal looks like, and of commits through one (`ktest` in the monitor). Whether
// e2fsck replays it is seen by the suite's power cuts.
#include <cstddef>

#include "ext2/commit_test_store.h"

namespace cairn::ext2 {

using namespace test;

namespace {

constexpr uint32_t kMagicInMemory = 0x9839'3bc0;  // what a journal's blocks begin with

class Fixture : public TestStore {
 public:
  using TestStore::TestStore;

  /// A name goes from one block to another; the new one's block begins as a journal's would.
  void move_name() {
    Operation operation(*store);
    set(kNames, 0, 0);
    set(kOtherNames, 0, kMagicInMemory);
    set(kInodes, 128, 5);
  }
  bool is_moved() {
    return disk->word(301, 0) == 0 && disk->word(302, 0) == kMagicInMemory &&
           disk->word(303, 128) == 5;
  }
  void put_name() {
    {
      Operation operation(*store);
      set(kNames, 0, 77);
    }
    good = good && commit();
    disk->event_count = 0;
  }
};

uint32_t big(uint32_t value) { return __builtin_bswap32(value); }

}  // namespace

KERNEL_TEST_WITH(Fixture, commit_shows_a_complete_journal_and_hides_it) {
  t.put_name();
  t.move_name();
  EXPECT(t.good && t.store->has_changes() && t.commit() && !t.store->has_changes());
  EXPECT(t.is_moved() && !t.shows_journal());
  // Two blocks of pointers, its superblock, a descriptor, five blocks, the commit block, zeros.
  constexpr uint32_t kLogged[] = {301, 302, 303, 310, 1};
  EXPECT(t.disk->word(600, 0) == 612 + 2 && t.disk->word(600, 1020) == 659);
  EXPECT(t.disk->word(601, 0) == 600 && t.disk->word(601, 8) == 600 && t.disk->word(601, 12) == 0);
  EXPECT(t.disk->word(602, 0) == kMagicInMemory && big(t.disk->word(602, 16)) == 1024);
  EXPECT(t.disk->word(603, 0) == kMagicInMemory && big(t.disk->word(603, 4)) == 1);
  for (uint32_t i = 0; i < 5; i++) {
    EXPECT(big(t.disk->word(603, 12 + 8 * i)) == kLogged[i]);
    uint32_t flags = 2 | (i == 1 ? 1 : 0) | (i == 4 ? 8 : 0);  // 302 is escaped, 1 the last one
    EXPECT(big(t.disk->word(603, 16 + 8 * i)) == flags);
  }
  EXPECT(t.disk->word(604, 0) == 0 && t.disk->word(605, 0) == 0 && t.disk->word(606, 128) == 5);
  EXPECT(t.disk->word(609, 0) == kMagicInMemory && big(t.disk->word(609, 4)) == 2);
  EXPECT(t.disk->writes(610) == 1 && t.disk->word(610, 0) == 0);
  // Journal, superblock with it, blocks, superblock without: each on the medium before the next.
  const auto* shown = t.disk->write(1, 0);
  EXPECT(word_of(shown, offsetof(Superblock, feature_compat)) == kCompatJournal);
  EXPECT(word_of(shown, offsetof(Superblock, journal_inode)) == kJournalInode);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers)) == 602);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers) + 4 * kIndirect) == 600);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers) + 4 * kDoubleIndirect) == 601);
  EXPECT(t.disk->flushes_before(t.disk->write(610, 0)) == 0 && t.disk->flushes_before(shown) == 1);
  for (uint64_t block : {301, 302, 303}) {
    EXPECT(t.disk->writes(block) == 1 && t.disk->flushes_before(t.disk->write(block, 0)) == 2);
  }
  EXPECT(t.disk->writes(310) == 0);
  EXPECT(t.disk->writes(1) == 2 && t.disk->flushes_before(t.disk->write(1, 1)) == 3);
  EXPECT(t.disk->flushes() == 4);
}

KERNEL_TEST(commit_describes_many_blocks) {
  constexpr uint32_t kCount = 150;  // two descriptors
  Fixture t(200);
  EXPECT(t);
  if (!t) return;
  {
    Operation operation(*t.store);
    for (uint32_t i = 0; i < kCount; i++) t.set(BlockNumber(400 + i), 0, i);
  }
  EXPECT(t.good && t.commit() && t.disk->word(549, 0) == kCount - 1);
  EXPECT(t.disk->word(603, 0) == kMagicInMemory && big(t.disk->word(603, 4)) == 1);
  EXPECT(t.disk->word(603 + 127, 0) == kMagicInMemory && big(t.disk->word(603 + 127, 4)) == 1);
  EXPECT(big(t.disk->word(603, 12)) == kJournalInodeBlock.value);
  EXPECT(big(t.disk->word(603, 12 + 8 * 125)) == 524 && big(t.disk->word(730, 12)) == 525);
  constexpr uint32_t kEnd = 603 + 2 + kCount + 2;
  EXPECT(t.disk->word(kEnd, 0) == kMagicInMemory && big(t.disk->word(kEnd, 4)) == 2);
}

KERNEL_TEST_WITH(Fixture, commit_logs_the_block_of_inode_8_once) {
  {
    Operation operation(*t.store);
    t.set(kJournalInodeBlock, 4, 9);
  }
  EXPECT(t.good && t.commit() && t.disk->word(310, 4) == 9);
  EXPECT(big(t.disk->word(603, 12)) == 310 && big(t.disk->word(603, 20)) == 1);
  EXPECT(big(t.disk->word(606, 4)) == 2 && t.disk->writes(310) == 1);
}

KERNEL_TEST_WITH(Fixture, commit_of_the_superblock_alone_is_one_write) {
  {
    Operation operation(*t.store);
    *t.block(BlockNumber(1)).as<uint32_t>(500) = 7;
    t.store->want_commit();
  }
  EXPECT(t.good && t.commit() && t.disk->word(1, 500) == 7);
  EXPECT(t.disk->event_count == 2 && t.disk->writes(1) == 1 && t.disk->flushes() == 1);
}

KERNEL_TEST(commit_that_fails_anywhere_goes_on_there) {
  bool succeeded = false;
  for (uint64_t good_requests = 0; !succeeded && good_requests < 40; good_requests++) {
    Fixture t;
    EXPECT(t);
    if (!t) return;
    t.put_name();
    t.move_name();
    t.disk->fail_after = good_requests;
    succeeded = t.commit();
    if (succeeded) {
      EXPECT(t.good && t.is_moved() && !t.shows_journal());
      break;
    }
    const bool was_shown = t.shows_journal();
    t.disk->event_count = 0;
    {
      Operation operation(*t.store);  // the next transaction changes some of it again
      t.set(kNames, 128, 79);
      t.set(kInodes, 128, 9);
    }
    EXPECT(t.store->has_changes() && t.commit() && !t.store->has_changes() && !t.shows_journal());
    EXPECT(t.good && t.disk->word(301, 0) == 0 && t.disk->word(302, 0) == kMagicInMemory);
    EXPECT(t.disk->word(301, 128) == 79 && t.disk->word(303, 128) == 9);
    // The first transaction is complete, journal and all, before the next one's journal is begun. Once
    // its journal is shown it is not logged again.
    const auto* next = t.disk->write(602 + 1, was_shown ? 0 : t.disk->writes(603) - 1);
    EXPECT(word_of(t.disk->write(605, was_shown ? 0 : t.disk->writes(605) - 1), 128) == 9);
    if (t.disk->writes(302) != 0) {
      EXPECT(t.disk->flushes_before(t.disk->write(302, 0)) < t.disk->flushes_before(next));
    }
  }
  EXPECT(succeeded);
}

KERNEL_TEST_WITH(Fixture, an_operation_waits_for_room_in_the_journal) {
  constexpr uint32_t least = MetadataStore::kLeastJournal;
  EXPECT(t.open_journal(least).ok());
  {
    Operation operation(*t.store);
    EXPECT(t.store->has_room());
    t.set(kNames, 0, 1);
    EXPECT(!t.store->has_room());  // for a second step
  }
  EXPECT(t.disk->word(301, 0) == 0 && t.store->has_changes());
  {
    Operation operation(*t.store);
    EXPECT(t.disk->word(301, 0) == 1 && !t.store->has_changes() && t.store->has_room());
    t.set(kNames, 0, 2);
    // The journal can't become shorter than the transaction needs, nor is it lost.
    EXPECT(t.open_journal(least - 1).error() == Errno::kEBUSY);
  }
  EXPECT(t.commit() && t.disk->word(301, 0) == 2);
  // Where the device takes nothing, operations go on all the same.
  {
    Operation operation(*t.store);
    t.set(kNames, 0, 3);
  }
  t.disk->fail_after = 0;
  { Operation operation(*t.store); }
  EXPECT(t.disk->word(301, 0) == 2 && t.commit() && t.disk->word(301, 0) == 3);
}

KERNEL_TEST(commit_without_a_journal_writes_the_superblock_last) {
  Fixture t(0);
  EXPECT(t);
  if (!t) return;
  t.move_name();
  EXPECT(t.good && t.commit() && t.is_moved() && t.disk->flushes() == 2);
  for (uint64_t block : {301, 302, 303}) {
    EXPECT(t.disk->writes(block) == 1 && t.disk->flushes_before(t.disk->write(block, 0)) == 0);
  }
  EXPECT(t.disk->writes(1) == 1 && t.disk->flushes_before(t.disk->write(1, 0)) == 1);
}

}  // namespace cairn::ext2
