// Kernel tests of tables that threads share (vfs/fd_table.h, "Locks").
#include "debug/kernel_test.h"
#include "time/clock.h"
#include "vfs/fd_table.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr int kLow = 3, kHigh = 900;

/// Moves one file between two descriptors: at every moment at least one of them is open. Both have the
/// flag while they are.
struct Shuffler {
  FdTable* table;
  RefPtr<File> file;
  std::atomic<bool> stop{false}, done{false};
  WaitQueue finished{"test"};

  static void run(void* argument) {
    auto& shuffler = *static_cast<Shuffler*>(argument);
    while (!shuffler.stop) {
      (void)allocate_fd(*shuffler.table, shuffler.file, true, kHigh);
      (void)close_fd(*shuffler.table, kLow);
      (void)allocate_fd(*shuffler.table, shuffler.file, true, kLow);
      (void)close_fd(*shuffler.table, kHigh);
    }
    shuffler.done = true;
    shuffler.finished.wake_all();
    exit_thread();
  }
};

/// Whether a copy made now holds the file, wherever it is.
bool copy_has_file(FdTable& table) {
  auto copy = copy_fd_table(table);
  if (!copy.ok()) return true;  // out of memory
  int fd = next_fd(**copy, 0);
  auto flag = get_close_on_exec(**copy, fd);
  bool right = (fd == kLow || fd == kHigh) && flag.ok() && *flag;
  destroy_fd_table(*copy);
  return right;
}

}  // namespace

KERNEL_TEST(a_table_is_copied_in_one_moment) {
  auto table = create_fd_table();
  auto file = open_place(console_place(), open_flag::kReadWrite);
  EXPECT(table.ok() && file.ok());
  if (!table.ok() || !file.ok()) return;
  Shuffler shuffler{.table = *table, .file = *file};
  (void)allocate_fd(**table, *file, true, kLow);
  auto thread = create_thread("fd test", Shuffler::run, &shuffler);
  EXPECT(thread.ok());
  if (thread.ok()) {
    make_ready(**thread);
    uint64_t until = monotonic_ns() + 400'000'000;
    while (monotonic_ns() < until) EXPECT(copy_has_file(**table));
    shuffler.stop = true;
    shuffler.finished.wait_until([&] { return shuffler.done.load(); });
  }
  close_fds_on_exec(**table);
  EXPECT(next_fd(**table, 0) < 0);
  destroy_fd_table(*table);
}

}  // namespace cairn
