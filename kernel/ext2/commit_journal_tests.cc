// Kernel tests of epochs that are written as a whole (`ktest` in the monitor). Whether e2fsck replays
// their journals is seen by the suite's power cuts.
#include <cstddef>

#include "ext2/commit_test_store.h"

namespace cairn::ext2 {

using namespace test;

namespace {

constexpr BlockNumber kJournalInodeBlock{310};
constexpr uint32_t kMagicInMemory = 0x9839'3bc0;  // what a journal's blocks begin with

/// A store that may have the blocks from 600 on for journals, no block twice.
class Fixture : public TestStore {
 public:
  explicit Fixture(uint32_t blocks = 200) : left_(blocks) {
    if (store == nullptr) return;
    store->set_lender(
        [](void* context, std::span<uint32_t> numbers) {
          auto& self = *static_cast<Fixture*>(context);
          if (numbers.size() > self.left_) return false;
          for (uint32_t& number : numbers) number = self.next_++;
          self.left_ -= uint32_t(numbers.size());
          return true;
        },
        this, kJournalInodeBlock);
    {
      Operation operation(*store);
      set(kNames, 0, 77, BlockKind::kDirectory);
      set(kOtherNames, 0, 88, BlockKind::kDirectory);
    }
    good = good && commit();
    disk->event_count = 0;
  }

  /// A name goes from one block to another; the new one's block begins as a journal's would.
  void move_name() {
    Operation operation(*store);
    good = good && store->write_as_a_whole().ok();
    set_later(kNames, 0, 0, Step::kRemove);
    set(kOtherNames, 0, kMagicInMemory, BlockKind::kDirectory);
    set(kInodes, 128, 5, BlockKind::kInodes);
  }
  bool is_moved() {
    return disk->word(301, 0) == 0 && disk->word(302, 0) == kMagicInMemory &&
           disk->word(303, 128) == 5;
  }
  bool shows_journal() {
    return disk->word(1, offsetof(Superblock, feature_incompat)) == kIncompatRecover;
  }

 private:
  uint32_t next_ = 600, left_;
};

uint32_t big(uint32_t value) { return __builtin_bswap32(value); }

}  // namespace

KERNEL_TEST_WITH(Fixture, commit_as_a_whole_shows_a_complete_journal) {
  t.move_name();
  EXPECT(t.good && t.commit() && t.is_moved() && !t.shows_journal());
  // Its superblock, a descriptor, five blocks, the commit block, two blocks of pointers.
  constexpr uint32_t kLogged[] = {301, 302, 303, 310, 1};
  EXPECT(t.disk->word(600, 0) == kMagicInMemory && big(t.disk->word(600, 16)) == 1024);
  EXPECT(t.disk->word(601, 0) == kMagicInMemory && big(t.disk->word(601, 4)) == 1);
  for (uint32_t i = 0; i < 5; i++) {
    EXPECT(big(t.disk->word(601, 12 + 8 * i)) == kLogged[i]);
    uint32_t flags = 2 | (i == 1 ? 1 : 0) | (i == 4 ? 8 : 0);  // 302 is escaped, 1 the last one
    EXPECT(big(t.disk->word(601, 16 + 8 * i)) == flags);
  }
  EXPECT(t.disk->word(602, 0) == 0 && t.disk->word(603, 0) == 0 && t.disk->word(604, 128) == 5);
  EXPECT(t.disk->word(607, 0) == kMagicInMemory && big(t.disk->word(607, 4)) == 2);
  EXPECT(t.disk->word(608, 0) == 607 && t.disk->word(608, 1020) == 607);
  EXPECT(t.disk->word(609, 0) == 608 && t.disk->word(609, 1020) == 608);
  // Journal, superblock with it, blocks, superblock without: each on the medium before the next.
  const auto* shown = t.disk->write(1, 0);
  EXPECT(word_of(shown, offsetof(Superblock, feature_compat)) == kCompatJournal);
  EXPECT(word_of(shown, offsetof(Superblock, journal_inode)) == kJournalInode);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers)) == 600);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers) + 4 * kIndirect) == 608);
  EXPECT(word_of(shown, offsetof(Superblock, journal_pointers) + 4 * kDoubleIndirect) == 609);
  EXPECT(t.disk->flushes_before(t.disk->write(609, 0)) == 0 && t.disk->flushes_before(shown) == 1);
  for (uint64_t block : {301, 302, 303, 310}) {
    EXPECT(t.disk->writes(block) == 1 && t.disk->flushes_before(t.disk->write(block, 0)) == 2);
  }
  EXPECT(t.disk->writes(1) == 2 && t.disk->flushes_before(t.disk->write(1, 1)) == 3);
  EXPECT(t.disk->flushes() == 4);
}

KERNEL_TEST(commit_as_a_whole_finds_its_many_blocks) {
  Fixture t(600);
  EXPECT(t);
  if (!t) return;
  constexpr uint32_t kCount =
      300;  // three descriptors, two blocks of pointers and one to the second
  {
    Operation operation(*t.store);
    EXPECT(t.store->write_as_a_whole().ok());
    for (uint32_t i = 0; i < kCount; i++) t.set(BlockNumber(200 + i), 0, i, BlockKind::kInodes);
  }
  EXPECT(t.good && t.commit() && t.disk->word(499, 0) == kCount - 1);
  constexpr uint32_t kLength = 1 + 3 + (kCount + 1) + 1;  // the superblock is logged, too
  constexpr uint32_t kIndirectBlock = 600 + kLength;
  EXPECT(big(t.disk->word(600 + kLength - 1, 4)) == 2);  // the commit block
  EXPECT(t.disk->word(kIndirectBlock, 0) == 612 && t.disk->word(kIndirectBlock, 1020) == 867);
  EXPECT(t.disk->word(kIndirectBlock + 1, 0) == 868);
  EXPECT(t.disk->word(kIndirectBlock + 1, 1020) == 600 + kLength - 1);
  EXPECT(t.disk->word(kIndirectBlock + 2, 0) == kIndirectBlock + 1);
  EXPECT(t.disk->word(kIndirectBlock + 2, 4) == kIndirectBlock);
  EXPECT(t.disk->word(601 + 127, 0) == kMagicInMemory &&
         t.disk->word(601 + 254, 0) == kMagicInMemory);
}

KERNEL_TEST(commit_as_a_whole_that_fails_loses_nothing) {
  bool succeeded = false;
  for (uint64_t good_requests = 0; !succeeded && good_requests < 40; good_requests++) {
    Fixture t;
    EXPECT(t);
    if (!t) return;
    t.move_name();
    t.disk->fail_after = good_requests;
    succeeded = t.commit();
    if (succeeded) break;
    // Once a journal is shown, the device changes only through the next one.
    bool shown = t.shows_journal();
    t.disk->event_count = 0;
    EXPECT(t.store->has_changes() && t.commit());
    const auto* next = t.disk->write(1, 0);
    EXPECT(!shown || word_of(next, offsetof(Superblock, journal_pointers)) > 600);
    EXPECT(t.disk->flushes_before(t.disk->write(302, 0)) > t.disk->flushes_before(next));
    EXPECT(t.good && t.is_moved() && !t.shows_journal());
  }
  EXPECT(succeeded);
}

KERNEL_TEST(commit_without_room_for_a_journal_goes_in_steps) {
  for (uint64_t good_requests : {UINT64_MAX, uint64_t(4)}) {
    // The second time there is room once, but that commit fails with its journal shown.
    Fixture t(good_requests == UINT64_MAX ? 9 : 10);
    EXPECT(t);
    if (!t) return;
    t.move_name();
    t.disk->fail_after = good_requests;
    bool done = t.commit();
    EXPECT(done == (good_requests == UINT64_MAX) && t.shows_journal() == !done);
    if (!done) {
      t.disk->event_count = 0;
      EXPECT(t.commit());
      EXPECT(t.disk->event(0).block == 1 && t.disk->event(1).is_flush);  // hidden first
    }
    EXPECT(t.is_moved() && !t.shows_journal());
    const auto* removed = t.disk->write(301, t.disk->writes(301) - 1);
    const auto* added = t.disk->write(302, 0);
    EXPECT(t.disk->flushes_before(added) < t.disk->flushes_before(removed));
  }
}

}  // namespace cairn::ext2
