// Names and data, on a tmpfs that is mounted nowhere: what the VFS does for every file system.
#include <algorithm>

#include "debug/kernel_test.h"
#include "memory/frame_allocator.h"
#include "tmpfs/test_tree.h"
#include "vfs/file_ops.h"

namespace cairn {

namespace {

/// The first name in a directory; none if it is empty.
std::string_view first_name(Inode& directory, DirectoryEntry& entry) {
  constexpr uint64_t kAfterDots = 2;
  SharedGuard guard(directory.lock);
  auto found = directory.read_entry(kAfterDots, entry);
  return found.ok() && *found ? entry.name() : std::string_view();
}

/// Removes all directories, the innermost first.
bool remove_all(TestTree& tree) {
  static char path[2048];
  while (true) {
    BufferWriter text(path);
    DirectoryEntry entry;
    while (true) {
      auto place = resolve_path(tree.context(), text.text().empty() ? "/" : text.text());
      if (!place.ok()) return false;
      std::string_view name = first_name(*place->inode, entry);
      if (name.empty()) break;
      print(text, "/{}", name);
    }
    if (text.text().empty()) return true;
    if (!vfs_rmdir(tree.context(), text.text()).ok()) return false;
  }
}

constexpr int kMoves = 3000;

/// Moves directories between two others and under each other, in its own order.
struct Mover {
  TestTree* tree = nullptr;
  uint32_t state = 1;
  std::atomic<bool> done{false};
  WaitQueue finished{"test"};
};

void move_about(void* argument) {
  auto& mover = *static_cast<Mover*>(argument);
  constexpr std::string_view kPaths[] = {"/a/x", "/b/x", "/a/y/x", "/b/y/x", "/a/y",
                                         "/b/y", "/a",   "/b/a",   "/b",     "/a/b"};
  for (int i = 0; i < kMoves; i++) {
    mover.state = mover.state * 1664525 + 1013904223;
    auto pick = [&](unsigned shift) { return kPaths[(mover.state >> shift) % std::size(kPaths)]; };
    switch (mover.state >> 30) {
      case 0: (void)mover.tree->make_directory(pick(8)); break;
      case 1: (void)vfs_rmdir(mover.tree->context(), pick(8)); break;
      default: (void)mover.tree->move(pick(8), pick(16)); break;
    }
    if (i % 16 == 0) yield();
  }
  mover.done = true;
  mover.finished.wake_all();
  exit_thread();
}

}  // namespace

KERNEL_TEST(names_come_and_go) {
  TestTree tree;
  EXPECT(tree.make("/file") == Errno::kOk);
  EXPECT(tree.make("/file") == Errno::kEEXIST);
  EXPECT(tree.make("/other/") == Errno::kENOENT);
  EXPECT(tree.make("/file/x") == Errno::kENOTDIR);
  EXPECT(tree.make_directory("/d/") == Errno::kOk);
  EXPECT(tree.make_directory("/d/e") == Errno::kOk);
  EXPECT(tree.links("/d") == 3);
  EXPECT(vfs_rmdir(tree.context(), "/d").error() == Errno::kENOTEMPTY);
  EXPECT(vfs_rmdir(tree.context(), "/d/.").error() == Errno::kEINVAL);
  EXPECT(vfs_rmdir(tree.context(), "/file").error() == Errno::kENOTDIR);
  EXPECT(vfs_unlink(tree.context(), "/d/e").error() == Errno::kEISDIR);
  EXPECT(vfs_rmdir(tree.context(), "/d/e").ok());
  EXPECT(tree.links("/d") == 2);
  auto file = resolve_path(tree.context(), "/file");
  EXPECT(file.ok() && vfs_link(*file, tree.context(), "/d/again").ok());
  EXPECT(tree.links("/file") == 2);
  EXPECT(vfs_unlink(tree.context(), "/file").ok());
  EXPECT(tree.links("/d/again") == 1 && !tree.is_there("/file"));
}

KERNEL_TEST(renames_check_what_they_replace) {
  TestTree tree;
  for (auto path : {"/a", "/a/b", "/a/b/c", "/empty"}) (void)tree.make_directory(path);
  for (auto path : {"/f", "/a/g"}) (void)tree.make(path);
  EXPECT(tree.move("/a", "/a/b/d") == Errno::kEINVAL);
  EXPECT(tree.move("/a/b/c", "/a") == Errno::kENOTEMPTY);
  EXPECT(tree.move("/f", "/empty") == Errno::kEISDIR);
  EXPECT(tree.move("/empty", "/f") == Errno::kENOTDIR);
  EXPECT(tree.move("/empty", "/a") == Errno::kENOTEMPTY);
  EXPECT(tree.move("/f", "/a/g", rename_flag::kNoReplace) == Errno::kEEXIST);
  EXPECT(tree.move("/f", "/a/g", rename_flag::kExchange) == Errno::kEINVAL);
  EXPECT(tree.move("/nothing", "/f") == Errno::kENOENT);
  EXPECT(tree.move("/f", "/a/g") == Errno::kOk && !tree.is_there("/f"));
  EXPECT(tree.move("/a/b", "/empty") == Errno::kOk);
  EXPECT(tree.is_there("/empty/c") && tree.links("/a") == 2 && tree.links("/empty") == 3);
  auto moved = resolve_path(tree.context(), "/empty/..");
  EXPECT(moved.ok() && same_place(*moved, tree.context().root));
}

// Would wait for ever if locks were taken in a wrong order, and lose directories in a circle if moves
// between directories met.
KERNEL_TEST(renames_meet) {
  TestTree tree;
  (void)tree.make_directory("/a");
  (void)tree.make_directory("/b");
  Mover movers[3];
  unsigned started = 0;
  for (Mover& mover : movers) {
    mover.tree = &tree;
    mover.state = ++started;
    auto thread = create_thread("rename test", move_about, &mover);
    EXPECT(thread.ok());
    if (thread.ok()) make_ready(**thread);
    if (!thread.ok()) mover.done = true;
  }
  for (Mover& mover : movers) {
    mover.finished.wait_until([&mover] { return mover.done.load(); });
  }
  // Whatever is left can be reached and taken away: nothing is in a circle of its own.
  EXPECT(remove_all(tree));
  FileSystemStatistics now = tree.context().root.inode->file_system.statistics();
  EXPECT(now.files - now.free_files == 1);
}

KERNEL_TEST(tmpfs_keeps_data_and_holes) {
  TestTree tree;
  auto file = vfs_open(tree.context(), "/f", open_flag::kReadWrite | open_flag::kCreate, 0644);
  EXPECT(file.ok());
  if (!file.ok()) return;
  File& open = **file;
  char bytes[16] = {};
  auto at = [&](uint64_t offset) {
    IoBuffer into = IoBuffer::kernel(bytes, sizeof(bytes));
    auto got = vfs_read_at(open, into, offset);
    return got.ok() ? *got : UINT64_MAX;
  };
  constexpr uint64_t kFar = 10 * kPageSize - 2;  // the two last bytes of a page, two of the next
  IoBuffer four = IoBuffer::kernel("four", 4);
  auto written = vfs_write_at(open, four, kFar);
  EXPECT(written.ok() && *written == 4);
  EXPECT(open.inode().attributes().sectors == 16);  // two pages
  EXPECT(at(kFar - 12) == 16 && std::string_view(bytes + 12, 4) == "four");
  EXPECT(std::all_of(bytes, bytes + 12, [](char byte) { return byte == 0; }));
  EXPECT(at(kFar + 4) == 0);
  // What was cut off is gone when the file grows again.
  EXPECT(vfs_truncate(open.place, kFar + 1).ok() && vfs_truncate(open.place, kFar + 4).ok());
  EXPECT(at(kFar) == 4 && std::string_view(bytes, 4) == std::string_view("f\0\0\0", 4));
  EXPECT(open.inode().attributes().sectors == 8);
}

KERNEL_TEST(tmpfs_gives_back_what_it_took) {
  uint64_t before = 0;
  for (int round = 0; round < 3; round++) {
    TestTree tree;
    auto file = vfs_open(tree.context(), "/f", open_flag::kReadWrite | open_flag::kCreate, 0644);
    for (uint64_t page = 0; file.ok() && page < 40; page++) {
      IoBuffer byte = IoBuffer::kernel("x", 1);
      (void)vfs_write_at(**file, byte, page * kPageSize);
    }
    EXPECT(vfs_unlink(tree.context(), "/f").ok());  // still open
    for (auto path : {"/d", "/d/d", "/d/d/d"}) (void)tree.make_directory(path);
    FileSystemStatistics now = tree.context().root.inode->file_system.statistics();
    EXPECT(now.blocks - now.free_blocks == 40);
    if (file.ok()) *file = nullptr;
    now = tree.context().root.inode->file_system.statistics();
    EXPECT(now.blocks == now.free_blocks);
    if (round > 0) EXPECT(before == now.free_files);
    before = now.free_files;
  }
}

}  // namespace cairn
