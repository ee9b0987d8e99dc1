// What mounting and removing do to each other (vfs/mount.h, "Locks").
#include "debug/kernel_test.h"
#include "sched/test_waits.h"
#include "tmpfs/test_tree.h"
#include "vfs/mount.h"

namespace cairn {

namespace {

/// One call, in a thread of its own.
struct Attempt {
  TestTree* tree;
  Errno (*call)(TestTree& tree);
  Errno error = Errno::kOk;
  std::atomic<bool> done{false};
  WaitQueue finished{"test"};

  bool start() {
    auto thread = create_thread("mount test", run, this);
    if (!thread.ok()) return false;
    make_ready(**thread);
    return true;
  }
  static void run(void* argument) {
    auto& attempt = *static_cast<Attempt*>(argument);
    attempt.error = attempt.call(*attempt.tree);
    attempt.done = true;
    attempt.finished.wake_all();
    exit_thread();
  }
  Errno result() {
    finished.wait_until([this] { return done.load(); });
    return error;
  }
};

Errno remove_it(TestTree& tree) { return vfs_rmdir(tree.context(), "/d").error(); }

Errno replace_it(TestTree& tree) { return tree.move("/other", "/d"); }

Errno cover_it(TestTree& tree) {
  auto where = resolve_path(tree.context(), "/d");
  if (!where.ok()) return where.error();
  return mount_device(*where, "none", "tmpfs", false).error();
}

/// Both calls get as far as they do while the directory is locked; then it is let go.
void try_both(TestContext& test, Errno (*first)(TestTree& tree), Errno (*second)(TestTree& tree)) {
  TestTree tree;
  (void)tree.make_directory("/d");
  (void)tree.make_directory("/other");
  auto place = resolve_path(tree.context(), "/d");
  EXPECT(place.ok());
  if (!place.ok()) return;
  Attempt attempts[] = {{.tree = &tree, .call = first}, {.tree = &tree, .call = second}};
  {
    ExclusiveGuard guard(place->inode->lock);
    for (Attempt& attempt : attempts) {
      EXPECT(attempt.start());
      let_others_run();
    }
  }
  bool both = attempts[0].result() == Errno::kOk && attempts[1].result() == Errno::kOk;
  bool one = attempts[0].error == Errno::kOk || attempts[1].error == Errno::kOk;
  EXPECT(one && !both);
  if (RefPtr<Mount> mounted = mount_at(*place)) {
    Place root{mounted, mounted->root};
    mounted = nullptr;
    EXPECT(unmount_place(root).ok());
  }
}

}  // namespace

KERNEL_TEST(a_directory_is_removed_or_covered) {
  try_both(test, remove_it, cover_it);
  try_both(test, cover_it, remove_it);
}

KERNEL_TEST(a_directory_is_replaced_or_covered) {
  try_both(test, replace_it, cover_it);
  try_both(test, cover_it, replace_it);
}

}  // namespace cairn
