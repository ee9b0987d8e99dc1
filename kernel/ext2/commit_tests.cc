// Kernel tests of the order in which commits write (`ktest` in the monitor).
#include "ext2/commit_test_store.h"

namespace cairn::ext2 {

using namespace test;

using Fixture = TestStore;

KERNEL_TEST_WITH(Fixture, commit_writes_in_steps_with_flushes_between) {
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 1, BlockKind::kInodes);
    auto fresh = t.store->create_block(kFresh);
    EXPECT(fresh.ok());
    if (fresh.ok()) *fresh->as<uint32_t>() = 2;
    t.set(kNames, 0, 3, BlockKind::kDirectory);
  }
  EXPECT(t.good && t.store->has_changes() && t.commit() && !t.store->has_changes());
  // 300 and 301 in one request.
  EXPECT(t.disk->event_count == 5 && t.disk->flushes() == 2);
  EXPECT(t.disk->event(0).block == 300 && t.disk->event(1).block == 301);
  EXPECT(t.disk->event(2).is_flush && t.disk->event(3).block == 303 && t.disk->event(4).is_flush);
  EXPECT(t.disk->word(300, 0) == 2 && t.disk->word(301, 0) == 3 && t.disk->word(303, 0) == 1);

  uint64_t requests = t.disk->request_count();
  EXPECT(t.commit() && t.disk->request_count() == requests);
}

KERNEL_TEST_WITH(Fixture, commit_keeps_removed_names_to_the_end) {
  {
    Operation operation(*t.store);
    t.set(kNames, 0, 77, BlockKind::kDirectory);
    t.set(kOtherNames, 0, 88, BlockKind::kDirectory);
  }
  EXPECT(t.commit());
  t.disk->event_count = 0;
  {
    Operation operation(*t.store);
    t.set_later(kNames, 0, 0, Step::kRemove);
    t.set(kNames, 64, 78, BlockKind::kDirectory);  // a name is added beside
    t.set_later(kOtherNames, 0, 0, Step::kRemove);
    t.set(kInodes, 0, 1, BlockKind::kInodes);
    EXPECT(t.store->is_held(t.block(kNames), 0) && !t.store->is_held(t.block(kNames), 64));
  }
  EXPECT(t.good && t.commit());
  const auto* added = t.disk->write(301, 0);
  const auto* removed = t.disk->write(301, 1);
  EXPECT(word_of(added, 0) == 77 && word_of(added, 64) == 78);
  EXPECT(word_of(removed, 0) == 0 && word_of(removed, 64) == 78);
  EXPECT(t.disk->flushes_before(added) == 0 && t.disk->flushes_before(removed) == 2);
  // Where names only go, one write is enough.
  EXPECT(t.disk->writes(302) == 1 && t.disk->flushes_before(t.disk->write(302, 0)) == 2);
  Operation operation(*t.store);
  EXPECT(!t.store->is_held(t.block(kNames), 0));
}

KERNEL_TEST_WITH(Fixture, commit_makes_new_directories_live_before_what_is_in_them) {
  {
    // A file in a directory in a directory in an old one, made in this order; another file beside.
    Operation operation(*t.store);
    t.make_inode(128, 21, 20);
    t.make_inode(256, 22, 21);
    t.make_inode(384, 23, 22);
    t.make_inode(512, 24, 20);
  }
  EXPECT(t.good && t.commit());
  constexpr uint32_t kOffsets[] = {512, 128, 256, 384};
  constexpr unsigned kFirstLive[] = {0, 0, 1, 2};
  EXPECT(t.disk->writes(303) == 3 && t.disk->flushes() == 3);
  for (unsigned i = 0; i < 4; i++) {
    for (unsigned n = 0; n < 3; n++) {
      EXPECT(word_of(t.disk->write(303, n), kOffsets[i]) == (n >= kFirstLive[i] ? 1 : 0));
    }
  }
}

KERNEL_TEST_WITH(Fixture, commit_makes_files_in_grown_directories_live_late) {
  {
    Operation operation(*t.store);
    EXPECT(t.store->directory_grew(InodeNumber(20)).ok());
    t.make_inode(128, 21, 20);
    t.make_inode(256, 22, 19);
    t.make_inode(384, 23, 19);
    t.store->inode_moved(InodeNumber(23), InodeNumber(20));
  }
  EXPECT(t.good && t.commit());
  const auto* first = t.disk->write(303, 0);
  const auto* second = t.disk->write(303, 1);
  EXPECT(word_of(first, 128) == 0 && word_of(first, 256) == 1 && word_of(first, 384) == 0);
  EXPECT(word_of(second, 128) == 1 && word_of(second, 384) == 1 && t.disk->writes(303) == 2);
}

KERNEL_TEST_WITH(Fixture, commit_replaces_a_name_in_one_write) {
  constexpr uint32_t kTarget = 0, kSource = 32;
  {
    Operation operation(*t.store);
    t.set(kNames, kTarget, 50, BlockKind::kDirectory);
    t.set(kNames, kSource, 51, BlockKind::kDirectory);
    t.set(kInodes, 128, 500, BlockKind::kInodes);
  }
  EXPECT(t.commit());
  t.disk->event_count = 0;
  {
    Operation operation(*t.store);
    MetadataBlock names = t.block(kNames);
    EXPECT(t.store->freeze(t.block(kInodes), 128, 128, Step::kVictims).ok());
    EXPECT(t.store->replace_in_block(names, kTarget, kSource).ok());
    *names.as<uint32_t>(kTarget) = 51;
    *names.as<uint32_t>(kSource) = 0;
    t.set(kInodes, 128, 0, BlockKind::kInodes);
  }
  EXPECT(t.good && t.commit());
  const auto* before = t.disk->write(301, 0);
  const auto* between = t.disk->write(301, 1);
  const auto* after = t.disk->write(301, 2);
  EXPECT(word_of(before, kTarget) == 50 && word_of(before, kSource) == 51);
  EXPECT(word_of(between, kTarget) == 51 && word_of(between, kSource) == 50);
  EXPECT(word_of(after, kTarget) == 51 && word_of(after, kSource) == 0);
  const auto* alive = t.disk->write(303, 0);
  const auto* dead = t.disk->write(303, 1);
  EXPECT(word_of(alive, 128) == 500 && word_of(dead, 128) == 0);
  EXPECT(t.disk->flushes_before(dead) > t.disk->flushes_before(between));
  EXPECT(t.disk->flushes_before(dead) < t.disk->flushes_before(after));
}

KERNEL_TEST_WITH(Fixture, commit_writes_new_blocks_that_are_freed_again) {
  {
    Operation operation(*t.store);
    for (uint64_t block : {300, 310}) EXPECT(t.store->create_block(BlockNumber(block)).ok());
    t.set(kFresh, 0, 7, BlockKind::kInodes);
    t.set(kNames, 0, 7, BlockKind::kDirectory);
    t.set(kInodes, 0, 7, BlockKind::kInodes);
    t.store->retire(kFresh);
    t.store->retire(kNames);
    t.store->forget(BlockNumber(310));
  }
  EXPECT(t.good && t.commit());
  EXPECT(t.disk->word(300, 0) == 7 && t.disk->word(303, 0) == 7);
  EXPECT(t.disk->writes(301) == 1 && t.disk->writes(310) == 0);
}

KERNEL_TEST_WITH(Fixture, commit_moves_a_directory_in_one_step) {
  {
    Operation operation(*t.store);
    t.set(kNames, 0, 60, BlockKind::kDirectory);
    t.set(kFresh, 12, 20, BlockKind::kDirectory);  // its ".."
  }
  EXPECT(t.commit());
  t.disk->event_count = 0;
  {
    Operation operation(*t.store);
    MetadataBlock from = t.block(kNames), to = t.block(kOtherNames), own = t.block(kFresh);
    auto noted =
        t.store->directory_moved(InodeNumber(60), InodeNumber(0), {to, 8}, {from, 0}, {own, 12});
    EXPECT(noted.ok());
    *from.as<uint32_t>(0) = 0;
    *to.as<uint32_t>(8) = 60;
    *own.as<uint32_t>(12) = 21;
    t.set(kInodes, 0, 1, BlockKind::kInodes);
  }
  EXPECT(t.good && t.commit());
  const unsigned last = t.disk->flushes() - 1;
  for (uint64_t block : {300, 301, 302}) {
    EXPECT(t.disk->writes(block) == 2 && t.disk->flushes_before(t.disk->write(block, 1)) == last);
  }
  EXPECT(word_of(t.disk->write(302, 0), 8) == 0 && word_of(t.disk->write(301, 0), 0) == 60);
  EXPECT(t.disk->word(302, 8) == 60 && t.disk->word(301, 0) == 0 && t.disk->word(300, 12) == 21);
}

KERNEL_TEST(commit_that_fails_loses_nothing) {
  bool succeeded = false;
  for (uint64_t good_requests = 0; !succeeded && good_requests < 20; good_requests++) {
    Fixture t;
    EXPECT(t);
    if (!t) return;
    {
      Operation operation(*t.store);
      t.set(kNames, 0, 77, BlockKind::kDirectory);
    }
    EXPECT(t.commit());
    {
      Operation operation(*t.store);
      t.set_later(kNames, 0, 0, Step::kRemove);
      t.set(kNames, 64, 78, BlockKind::kDirectory);
      t.make_inode(128, 21, 20);
      t.make_inode(256, 22, 21);
      auto fresh = t.store->create_block(kFresh);
      EXPECT(fresh.ok());
      if (fresh.ok()) *fresh->as<uint32_t>() = 5;
    }
    t.disk->fail_after = good_requests;
    succeeded = t.commit();
    if (!succeeded) {
      EXPECT(t.store->has_changes());
      t.disk->event_count = 0;
      {
        Operation operation(*t.store);  // the next epoch changes some of it again
        EXPECT(t.store->is_held(t.block(kNames), 0));
        t.set(kNames, 128, 79, BlockKind::kDirectory);
        t.set(kInodes, 512, 9, BlockKind::kInodes);
      }
      EXPECT(t.commit() && !t.store->has_changes());
      EXPECT(word_of(t.disk->write(301, 0), 0) == 77);
      EXPECT(t.disk->word(301, 128) == 79 && t.disk->word(303, 512) == 9);
    }
    EXPECT(t.good && t.disk->word(301, 0) == 0 && t.disk->word(301, 64) == 78);
    EXPECT(t.disk->word(303, 128) == 1 && t.disk->word(303, 256) == 1);
    EXPECT(t.disk->word(300, 0) == 5);
  }
  EXPECT(succeeded);
}

KERNEL_TEST_WITH(Fixture, commit_without_memory_for_copies_writes_the_same) {
  constexpr uint32_t kManyBlocks = 24;  // more than a store has in reserve
  {
    Operation operation(*t.store);
    for (uint32_t i = 0; i < kManyBlocks; i++) {
      t.set(BlockNumber(400 + 2 * i), 0, 77, BlockKind::kDirectory);
    }
  }
  EXPECT(t.commit());
  t.disk->event_count = 0;
  {
    Operation operation(*t.store);
    for (uint32_t i = 0; i < kManyBlocks; i++) {
      t.set_later(BlockNumber(400 + 2 * i), 0, i, Step::kRemove);
      t.set(BlockNumber(400 + 2 * i), 8, 1000 + i, BlockKind::kDirectory);
    }
  }
  t.store->set_seal([](void*) { fail_frame_allocation(1); }, nullptr);
  EXPECT(t.commit());
  fail_frame_allocation(0);
  for (uint32_t i = 0; i < kManyBlocks; i++) {
    const auto* first = t.disk->write(400 + 2 * i, 0);
    EXPECT(word_of(first, 0) == 77 && word_of(first, 8) == 1000 + i);
    EXPECT(t.disk->word(400 + 2 * i, 0) == i && t.disk->writes(400 + 2 * i) == 2);
  }
  EXPECT(t.good);
}

KERNEL_TEST_WITH(Fixture, operations_go_on_while_a_commit_writes) {
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 1, BlockKind::kInodes);
  }
  struct Committer {
    MetadataStore& store;
    std::atomic<bool> done{false};
    bool ok = false;
  } committer{*t.store};
  t.disk->holding = true;
  auto thread = create_thread(
      "commit test",
      [](void* argument) {
        auto& self = *static_cast<Committer*>(argument);
        self.ok = self.store.commit().ok();
        self.done = true;
        exit_thread();
      },
      &committer);
  EXPECT(thread.ok());
  if (!thread.ok()) return t.disk->release();
  make_ready(**thread);
  for (unsigned i = 0; i < 100'000 && t.disk->held == 0; i++) yield();
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 2, BlockKind::kInodes);
  }
  EXPECT(t.disk->held == 1 && !committer.done);
  t.disk->release();
  while (!committer.done) yield();
  EXPECT(committer.ok && t.disk->word(303, 0) == 1 && t.store->has_changes());
  EXPECT(t.commit() && t.disk->word(303, 0) == 2);
}

}  // namespace cairn::ext2
