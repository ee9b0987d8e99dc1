// Kernel tests of transactions in memory and of who waits for commits (`ktest` in the monitor).
#include "ext2/commit_test_store.h"
#include "sched/test_waits.h"

namespace cairn::ext2 {

using namespace test;

using Fixture = TestStore;

KERNEL_TEST_WITH(Fixture, commit_with_nothing_to_do_asks_the_device_for_nothing) {
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 1);
    auto fresh = t.store->create_block(kFresh);
    EXPECT(fresh.ok());
    if (fresh.ok()) *fresh->as<uint32_t>() = 2;
  }
  EXPECT(t.good && t.commit() && t.disk->word(300, 0) == 2 && t.disk->word(303, 0) == 1);
  uint64_t requests = t.disk->request_count();
  EXPECT(t.commit() && t.disk->request_count() == requests);
}

KERNEL_TEST_WITH(Fixture, commit_leaves_out_blocks_that_are_freed_again) {
  {
    Operation operation(*t.store);
    for (uint64_t block : {300, 305}) EXPECT(t.store->create_block(BlockNumber(block)).ok());
    t.set(kNames, 0, 7);
    t.set(kInodes, 0, 7);
    t.store->forget(kFresh);
    t.store->forget(kNames);
    t.store->forget(kOtherNames);  // that wasn't changed
  }
  EXPECT(t.good && t.commit());
  EXPECT(t.disk->writes(300) == 0 && t.disk->writes(301) == 0);
  EXPECT(t.disk->writes(305) == 1 && t.disk->word(303, 0) == 7);
}

KERNEL_TEST_WITH(Fixture, changes_without_memory_change_nothing) {
  {
    Operation operation(*t.store);
    MetadataBlock names = t.block(kNames);
    fail_frame_allocation(1);
    EXPECT(t.store->change(names).error() == Errno::kENOMEM);
    fail_frame_allocation(0);
    EXPECT(!t.store->has_changes());
    t.set(kInodes, 0, 1);
  }
  // What was changed needs no more memory to be committed.
  fail_frame_allocation(1);
  EXPECT(t.good && t.commit());
  fail_frame_allocation(0);
  EXPECT(t.disk->writes(301) == 0 && t.disk->word(303, 0) == 1);
}

namespace {

/// A thread that commits, held by the disk.
struct Committer {
  MetadataStore& store;
  std::atomic<bool> done{false};
  bool ok = false;

  bool start() {
    auto thread = create_thread(
        "commit test",
        [](void* argument) {
          auto& self = *static_cast<Committer*>(argument);
          self.ok = self.store.commit().ok();
          self.done = true;
          exit_thread();
        },
        this);
    if (!thread.ok()) return false;
    make_ready(**thread);
    return true;
  }
  void wait() {
    (void)is_reached([this] { return done.load(); });
  }
};

void wait_for_request(LoggingDisk& disk) {
  (void)is_reached([&] { return disk.held != 0; });
}

}  // namespace

KERNEL_TEST_WITH(Fixture, operations_go_on_while_a_commit_writes) {
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 1);
  }
  Committer committer{*t.store};
  t.disk->holding = true;
  EXPECT(committer.start());
  wait_for_request(*t.disk);
  {
    Operation operation(*t.store);
    t.set(kInodes, 0, 2);
  }
  EXPECT(t.disk->held != 0 && !committer.done);
  t.disk->release();
  committer.wait();
  EXPECT(committer.ok && t.disk->word(303, 0) == 1 && t.store->has_changes());
  EXPECT(t.commit() && t.disk->word(303, 0) == 2);
}

KERNEL_TEST_WITH(Fixture, those_who_commit_meanwhile_share_the_next_commit) {
  auto put = [&t](uint32_t offset) NO_THREAD_SAFETY_ANALYSIS {
    Operation operation(*t.store);
    t.set(kInodes, offset, 1);
  };
  put(0);
  Committer first{*t.store}, second{*t.store}, third{*t.store};
  t.disk->holding = true;
  EXPECT(first.start());
  wait_for_request(*t.disk);
  put(4);
  EXPECT(second.start());
  put(8);
  EXPECT(third.start());
  let_others_run();
  EXPECT(!first.done && !second.done && !third.done);
  t.disk->event_count = 0;
  t.disk->release();
  for (Committer* each : {&first, &second, &third}) each->wait();
  EXPECT(first.ok && second.ok && third.ok && !t.store->has_changes());
  EXPECT(t.disk->writes(303) == 2 && t.disk->word(303, 4) == 1 && t.disk->word(303, 8) == 1);
}

}  // namespace cairn::ext2
