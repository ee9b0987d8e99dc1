// Kernel tests of a whole file system: what a power cut may show while several do something at once.
#include "ext2/test_file_system.h"
#include "sched/test_waits.h"

namespace cairn::ext2 {

using namespace test;

namespace {

using Fixture = TestFileSystem;

/// Runs `work` in a thread of its own.
template <class Work>
struct Worker {
  Work work;
  std::atomic<bool> done{false};

  explicit Worker(Work work) : work(work) {}
  bool start() {
    auto thread = create_thread(
        "ext2 test",
        [](void* argument) {
          auto& self = *static_cast<Worker*>(argument);
          self.work();
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

/// Begins a commit, does `work` while the data of its first file is written, and waits for both.
template <class Work>
bool do_while_a_commit_writes_data(Fixture& t, Work work) {
  Worker committer([&] { (void)t.store().commit(); });
  Worker worker(work);
  t.disk->holding = true;
  if (!committer.start()) return false;
  if (!is_reached([&] { return t.disk->held != 0; }) || !worker.start()) return false;
  let_others_run();
  t.disk->release();
  committer.wait();
  worker.wait();
  return true;
}

/// Whether a file of one page is on the disk, and what was written to it.
bool is_written(Fixture& t, InodeNumber number) {
  const RawInode& raw = *t.on_disk(number);
  bool good = raw.size == kPageSize && raw.links_count == 1;
  for (uint32_t i = 0; good && i < kPageSize / kBlockSize; i++) {
    good = raw.block[i] != 0 && *t.disk->block(raw.block[i]) == Fixture::kNew;
  }
  return good;
}

}  // namespace

KERNEL_TEST_WITH(Fixture, a_file_cut_while_a_commit_writes_data_shows_no_old_content) {
  RefPtr<Inode> first = t.make_file("first", 1), second = t.make_file("second", 1);
  EXPECT(first && second);
  if (!first || !second) return;
  EXPECT(do_while_a_commit_writes_data(t, [&] { (void)t.resize(*second, 0); }));
  // The cut belongs to the next transaction. What is on the disk now has the file as it was.
  EXPECT(is_written(t, second->number));
  EXPECT(t.fs->sync().ok() && t.on_disk(second->number)->size == 0 &&
         second->dirty_count.load() == 0);
}

KERNEL_TEST_WITH(Fixture, a_file_deleted_while_a_commit_writes_data_shows_no_old_content) {
  RefPtr<Inode> first = t.make_file("first", 1), second = t.make_file("second", 1);
  EXPECT(first && second);
  if (!first || !second) return;
  const InodeNumber number = second->number;
  EXPECT(do_while_a_commit_writes_data(t, [&] {
    t.remove("second", *second);
    second = nullptr;
  }));
  EXPECT(is_written(t, number));
  EXPECT(t.fs->sync().ok() && t.on_disk(number)->links_count == 0);
}

KERNEL_TEST_WITH(Fixture, fsync_writes_of_other_files_what_its_transaction_needs) {
  RefPtr<Inode> old = t.make_file("old", 8), grown = t.make_file("grown", 1);
  EXPECT(old && grown && t.fs->sync().ok() && old->dirty_count.load() == 0);
  RefPtr<Inode> synced = t.make_file("synced", 1);
  EXPECT(synced && t.write_pages(*old, 8) && t.resize(*grown, 2 * kPageSize));
  EXPECT(t.write_pages(*grown, 2));
  if (!synced) return;
  EXPECT(synced->sync().ok() && synced->dirty_count.load() == 0 && is_written(t, synced->number));
  EXPECT(old->dirty_count.load() == 8 && grown->dirty_count.load() == 0);
  // What grew in that transaction is like any other file in the next one.
  EXPECT(t.write_pages(*grown, 2) && t.write_pages(*synced, 1) && synced->sync().ok());
  EXPECT(old->dirty_count.load() == 8 && grown->dirty_count.load() == 2);
  EXPECT(t.fs->sync().ok() && old->dirty_count.load() == 0 && grown->dirty_count.load() == 0);
}

/// As short as its journal is, an operation waits for a commit first, and frees one block.
KERNEL_TEST(a_file_cut_in_several_transactions_shows_no_old_content) {
  Fixture t(100);
  EXPECT(t);
  if (!t) return;
  RefPtr<Inode> file = t.make_file("file", 1);
  EXPECT(file);
  if (!file) return;
  uint32_t blocks[kPageSize / kBlockSize];
  {
    SharedGuard guard(t.inode(file).map_lock);
    memcpy(blocks, t.inode(file).raw.block, sizeof(blocks));
  }
  EXPECT(t.on_disk(file->number)->block[0] == 0);
  t.disk->event_count = 0;
  EXPECT(t.resize(*file, 0));
  for (uint32_t block : blocks) {
    EXPECT(t.disk->writes(block) == 1 && *t.disk->block(block) == Fixture::kNew);
  }
}

KERNEL_TEST_WITH(Fixture, an_inode_read_while_another_thread_had_it_is_read_again) {
  auto& fs = static_cast<Ext2FileSystem&>(*t.fs);
  RefPtr<Inode> file = t.make_file("file", 1);
  EXPECT(file);
  if (!file) return;
  const InodeNumber number = file->number;
  file = nullptr;
  EXPECT(fs.inodes.shrink(UINT64_MAX) != 0 && fs.sync().ok());
  // One thread finds it gone and reads it; before it has it in memory another one cuts the file.
  const uint64_t departures = fs.inodes.departures();
  auto late = fs.make_inode(number, *t.on_disk(number));
  auto found = fs.get_inode(number);
  EXPECT(late.ok() && found.ok());
  if (!late.ok() || !found.ok()) return;
  EXPECT(t.resize(**found, 0));
  *found = nullptr;
  EXPECT(fs.inodes.shrink(UINT64_MAX) != 0);
  EXPECT(!fs.inodes.add(**late, departures));
  auto again = fs.get_inode(number);
  EXPECT(again.ok() && (*again)->size.load() == 0);
}

}  // namespace cairn::ext2
