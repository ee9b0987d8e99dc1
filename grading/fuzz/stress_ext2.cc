// Random operations on an ext2 image, compared with a model of what files should be. The image is
// written back at the end, for e2fsck to judge.
//
//   stress_ext2 IMAGE SEED OPERATIONS [LOG]
//
// LOG receives what the disk holds at the last mount, and every write from there on (host.h): for
// what is left when the power goes after any of them.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "ext2/file_system.h"
#include "host.h"
#include "memory/heap.h"
#include "stress_model.h"
#include "vfs/file.h"

using namespace cairn;

namespace {

/// A random directory of the tree.
At pick_directory(const At& root) {
  At at = root;
  while (below(3) != 0) {
    std::vector<std::string> names;
    for (auto& [name, child] : at.node->names) {
      if (child->type == FileType::kDirectory) names.push_back(name);
    }
    if (names.empty()) break;
    const std::string& name = names[below(names.size())];
    At next{at.node->names[name], look_up(*at.inode, name)};
    at = next;
  }
  return at;
}

std::string random_name() {
  static const char* stems[] = {"a", "bb", "file", "some-longer-name", "x"};
  std::string name = stems[below(5)] + std::to_string(below(60));
  if (below(10) == 0) name += std::string(below(200), 'n');
  return name;
}

std::string pick_name(const At& directory) {
  if (directory.node->names.empty()) return {};
  auto at = directory.node->names.begin();
  std::advance(at, below(directory.node->names.size()));
  return at->first;
}

void do_create(const At& at) {
  std::string name = random_name();
  if (at.node->names.count(name) != 0) return;
  NewFile file{.permissions = 0644};
  uint64_t kind = below(10);
  file.type = kind < 5   ? FileType::kRegular
              : kind < 7 ? FileType::kDirectory
              : kind < 9 ? FileType::kSymlink
                         : FileType::kCharacterDevice;
  std::string target(1 + below(kind == 7 ? 59 : 300), char('a' + below(26)));
  if (file.type == FileType::kSymlink) file.target = target;
  if (file.type == FileType::kCharacterDevice) file.device = 0x12345;
  ExclusiveGuard guard(at.inode->lock);
  auto made = at.inode->create(name, file);
  if (!made.ok()) return require(may_fail(made.error()), "create", made.error());
  auto node = std::make_shared<Node>();
  node->type = file.type;
  if (file.type == FileType::kSymlink) node->content = target;
  at.node->names[name] = node;
}

void do_unlink(const At& at) {
  std::string name = pick_name(at);
  if (name.empty()) return;
  NodePtr node = at.node->names[name];
  RefPtr<Inode> victim = look_up(*at.inode, name);
  ExclusiveGuard guard(at.inode->lock);
  victim->lock.lock_beside();
  auto done = at.inode->unlink(name, *victim);
  victim->lock.unlock();
  if (node->type == FileType::kDirectory && !node->names.empty()) {
    require(done.error() == Errno::kENOTEMPTY, "unlink of a full directory", done.error());
    return;
  }
  if (!done.ok()) return require(may_fail(done.error()), "unlink", done.error());
  node->links--;
  at.node->names.erase(name);
}

void do_link(const At& from, const At& to) {
  std::string name = pick_name(from), new_name = random_name();
  if (name.empty() || to.node->names.count(new_name) != 0) return;
  NodePtr node = from.node->names[name];
  if (node->type == FileType::kDirectory) return;
  RefPtr<Inode> file = look_up(*from.inode, name);
  ExclusiveGuard guard(to.inode->lock);
  auto done = to.inode->link(new_name, *file);
  if (!done.ok()) return require(may_fail(done.error()), "link", done.error());
  node->links++;
  to.node->names[new_name] = node;
}

bool contains(const NodePtr& tree, const NodePtr& wanted) {
  if (tree == wanted) return true;
  for (auto& [name, child] : tree->names) {
    if (contains(child, wanted)) return true;
  }
  return false;
}

void do_rename(const At& from, const At& to) {
  std::string name = pick_name(from);
  if (name.empty()) return;
  std::string new_name = below(2) != 0 && !to.node->names.empty() ? pick_name(to) : random_name();
  NodePtr node = from.node->names[name];
  if (contains(node, to.node)) return;
  NodePtr old;
  if (to.node->names.count(new_name) != 0) old = to.node->names[new_name];
  if (old == node) return;
  bool directory = node->type == FileType::kDirectory;
  if (old != nullptr && (old->type == FileType::kDirectory) != directory) return;
  if (old != nullptr && contains(old, from.node)) return;
  RefPtr<Inode> moved = look_up(*from.inode, name);
  RefPtr<Inode> victim;
  if (old != nullptr) victim = look_up(*to.inode, new_name);
  MutexGuard renaming(from.inode->file_system.rename_lock);
  from.inode->lock.lock();
  if (to.inode.get() != from.inode.get()) to.inode->lock.lock_beside();
  if (victim) victim->lock.lock_beside();
  auto done = from.inode->rename(name, *moved, *to.inode, new_name, victim.get());
  if (victim) victim->lock.unlock();
  if (to.inode.get() != from.inode.get()) to.inode->lock.unlock();
  from.inode->lock.unlock();
  if (old != nullptr && !old->names.empty()) {
    return require(done.error() == Errno::kENOTEMPTY, "rename over a full directory", done.error());
  }
  if (!done.ok()) return require(may_fail(done.error()), "rename", done.error());
  if (old != nullptr) old->links--;
  from.node->names.erase(name);
  to.node->names[new_name] = node;
}

void do_write(const At& at) {
  std::string name = pick_name(at);
  if (name.empty() || at.node->names[name]->type != FileType::kRegular) return;
  std::string& content = at.node->names[name]->content;
  RefPtr<Inode> file = look_up(*at.inode, name);
  uint64_t offset = below(2) != 0 ? content.size() : below(content.size() + 1 + below(400'000));
  std::string data(1 + below(below(4) == 0 ? 200'000 : 5'000), char('A' + below(26)));
  uint64_t start = offset;
  IoBuffer buffer = IoBuffer::kernel(data.data(), data.size());
  auto written = file->write(plain_file(), buffer, offset);
  uint64_t count = written.ok() ? *written : 0;
  if (!written.ok()) require(may_fail(written.error()), "write", written.error());
  if (count == 0) return;
  if (content.size() < start + count) content.resize(start + count);
  content.replace(start, count, data, 0, count);
}

void do_resize(const At& at) {
  std::string name = pick_name(at);
  if (name.empty() || at.node->names[name]->type != FileType::kRegular) return;
  std::string& content = at.node->names[name]->content;
  RefPtr<Inode> file = look_up(*at.inode, name);
  uint64_t size = below(content.size() + 1 + (below(5) == 0 ? 3'000'000 : 0));
  ExclusiveGuard guard(file->lock);
  auto done = file->resize(size);
  if (!done.ok()) return require(may_fail(done.error()), "resize", done.error());
  content.resize(size);
}

/// Far offsets: every kind of pointer block, and sizes beyond 32 bits. All of it goes in the end.
void check_large_file(FileSystem& fs, Inode& root) {
  require(fs.sync().ok(), "sync");
  auto before = fs.statistics();
  NewFile regular{.permissions = 0644};
  RefPtr<Inode> file;
  {
    ExclusiveGuard guard(root.lock);
    auto made = root.create("large", regular);
    if (!made.ok()) return require(may_fail(made.error()), "create", made.error());
    file = made.take();
  }
  std::string piece;
  for (int i = 0; i < 9000; i++) piece += char('a' + i % 26);
  const uint64_t places[] = {0,          50'000,        300'000,      5'000'000,
                             80'000'000, 3'000'000'000, 9'000'000'000};
  for (uint64_t place : places) {
    uint64_t offset = place;
    IoBuffer buffer = IoBuffer::kernel(piece.data(), piece.size());
    auto written = file->write(plain_file(), buffer, offset);
    if (!written.ok()) require(may_fail(written.error()), "write far", written.error());
    if (!written.ok() || *written != piece.size()) break;
    require(fs.sync().ok(), "sync");
    drop_pages(*file);
    for (uint64_t at : places) {
      if (at > place) break;
      std::string content(piece.size() + 200, '?');
      IoBuffer back = IoBuffer::kernel(content.data(), content.size());
      auto count = file->read(plain_file(), back, at);
      require(count.ok() && *count >= piece.size(), "read far", count.error());
      require(content.compare(0, piece.size(), piece) == 0, "content of a far place");
      require(at == place || content.substr(piece.size()) == std::string(200, '\0'), "hole");
    }
  }
  for (uint64_t size :
       {8'999'999'999ull, 2'999'999'000ull, 4'000'000ull, 299'000ull, 12'345ull, 1ull}) {
    if (size >= file->size.load()) continue;
    ExclusiveGuard guard(file->lock);
    auto cut = file->resize(size);
    require(cut.ok(), "cut", cut.error());
    require(fs.sync().ok(), "sync");
  }
  {
    ExclusiveGuard guard(root.lock);
    file->lock.lock_beside();
    require(root.unlink("large", *file).ok(), "unlink large");
    file->lock.unlock();
  }
  file = nullptr;
  require(fs.sync().ok(), "sync");
  auto after = fs.statistics();
  require(before.free_blocks == after.free_blocks, "free blocks");
  require(before.free_files == after.free_files, "free inodes");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return fprintf(stderr, "stress_ext2 IMAGE SEED OPERATIONS [LOG]\n"), 2;
  seed_random(strtoull(argv[2], nullptr, 10));
  uint64_t operations = strtoull(argv[3], nullptr, 10);
  FILE* stream = fopen(argv[1], "r+b");
  if (stream == nullptr) return perror(argv[1]), 2;
  fseek(stream, 0, SEEK_END);
  std::vector<uint8_t> image(ftell(stream));
  rewind(stream);
  if (fread(image.data(), 1, image.size(), stream) != image.size()) return 2;

  start_memory();
  require(start_page_cache().ok(), "page cache");
  HostDisk disk(image.data(), image.size());
  NodePtr tree;
  for (int round = 0; round < 3; round++) {
    if (round == 2 && argc > 4) disk.log_writes(argv[4]);
    auto opened = ext2::open_ext2(&disk, false);
    require(opened.ok(), "mount", opened.error());
    RefPtr<FileSystem> fs = opened.take();
    require(!fs->read_only, "mounted read-only");
    {
      RefPtr<Inode> inode = fs->root().take();
      if (!tree) tree = load_tree(inode);
      At root{tree, inode};
      check_tree(root);
      for (uint64_t i = 0; i < operations / 3; i++) {
        At here = pick_directory(root), there = pick_directory(root);
        switch (below(16)) {
          case 0:
          case 1:
          case 2:
          case 3: do_create(here); break;
          case 4:
          case 5:
          case 6: do_unlink(here); break;
          case 7: do_link(here, there); break;
          case 8:
          case 9: do_rename(here, here); break;
          case 10: do_rename(here, there); break;
          case 11:
          case 12:
          case 13: do_write(here); break;
          case 14: do_resize(here); break;
          default:
            if (below(8) == 0) require(fs->sync().ok(), "sync");
        }
        if (below(200) == 0) evict_pages(below(2000));
        if (below(500) == 0) fs->inodes.shrink(below(100));
      }
      check_tree(root);
      if (round == 1) check_large_file(*fs, *inode);
    }
    auto ended = fs->shut_down();
    require(ended.ok(), "unmount", ended.error());
  }
  rewind(stream);
  if (fwrite(image.data(), 1, image.size(), stream) != image.size() || fclose(stream) != 0)
    return 2;
  return 0;
}
