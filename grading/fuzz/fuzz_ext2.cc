// libFuzzer's target: the input is a disk. Whatever it holds is mounted, walked, read, and written to;
// nothing may go wrong but calls that return errors.
#include <cstring>
#include <string>

#include "ext2/file_system.h"
#include "host.h"
#include "memory/heap.h"
#include "vfs/file.h"

using namespace cairn;

namespace {

constexpr uint64_t kDiskSize = 256 * 1024;  // bytes
constexpr uint64_t kReadLimit = 64 * 1024;  // bytes of each file, from either end
constexpr unsigned kMaxDepth = 8, kMaxEntries = 300, kMaxChanges = 40;

alignas(16) char file_memory[sizeof(File)];

/// One run over one disk.
class Visit {
 public:
  explicit Visit(FileSystem& fs) : fs_(fs) {}

  void walk(RefPtr<Inode> directory, unsigned depth) {
    DirectoryEntry entry;
    uint64_t position = 0;
    while (entries_++ < kMaxEntries) {
      auto more = next(*directory, position, entry);
      if (!more.ok() || !*more) break;
      position = entry.next_position;
      auto child = look_up(*directory, entry.name());
      if (!child.ok()) continue;
      look_at(**child);
      bool inside = entry.name() != "." && entry.name() != "..";
      bool is_directory = (*child)->type == FileType::kDirectory;
      if (inside && is_directory && depth < kMaxDepth) walk(*child, depth + 1);
    }
    if (fs_.read_only || changes_++ >= kMaxChanges) return;
    change(*directory);
  }

 private:
  static Result<bool> next(Inode& directory, uint64_t position, DirectoryEntry& entry) {
    SharedGuard guard(directory.lock);
    return directory.read_entry(position, entry);
  }
  static Result<RefPtr<Inode>> look_up(Inode& directory, std::string_view name) {
    SharedGuard guard(directory.lock);
    return directory.lookup(name);
  }

  void look_at(Inode& inode) {
    (void)inode.attributes();
    if (inode.type == FileType::kSymlink) {
      char target[kMaxPathLength];
      (void)inode.read_link(target);
    }
    if (inode.type != FileType::kRegular) return;
    uint64_t size = inode.size.load();
    read(inode, 0);
    if (size > kReadLimit) read(inode, size - kReadLimit);
  }
  void read(Inode& inode, uint64_t offset) {
    std::string content(kReadLimit, '\0');
    IoBuffer buffer = IoBuffer::kernel(content.data(), content.size());
    (void)inode.read(file_, buffer, offset);
  }
  void write(Inode& inode, uint64_t offset, uint64_t count) {
    if (inode.type != FileType::kRegular) return;
    std::string content(count, 'w');
    IoBuffer buffer = IoBuffer::kernel(content.data(), content.size());
    (void)inode.write(file_, buffer, offset);
  }

  /// Makes, changes and removes files in a directory.
  void change(Inode& directory) {
    static const std::string long_target(200, 't');
    static const NewFile kinds[] = {
        {.type = FileType::kRegular, .permissions = 0644},
        {.type = FileType::kDirectory, .permissions = 0755},
        {.type = FileType::kSymlink, .permissions = 0777, .target = long_target},
    };
    unsigned number = 0;
    for (const NewFile& kind : kinds) {
      (void)create(directory, "new" + std::to_string(number++), kind);
    }
    move_between(directory, kinds[0], kinds[1]);
    if (auto fresh = look_up(directory, "new0"); fresh.ok()) write(**fresh, 20'000, 3'000);
    rename(directory, "new0", "renamed");
    DirectoryEntry entry;
    uint64_t position = 0;
    for (unsigned i = 0; i < 6; i++) {
      auto more = next(directory, position, entry);
      if (!more.ok() || !*more) break;
      position = entry.next_position;
      if (entry.name() == "." || entry.name() == "..") continue;
      change_file(directory, std::string(entry.name()), i);
    }
    if (number % 2 == 0) (void)fs_.sync();
  }

  static RefPtr<Inode> create(Inode& directory, const std::string& name, const NewFile& kind) {
    ExclusiveGuard guard(directory.lock);
    auto made = directory.create(name, kind);
    return made.ok() ? made.take() : RefPtr<Inode>();
  }

  /// A directory goes into another one, and a file over one that is there.
  void move_between(Inode& directory, const NewFile& plain, const NewFile& folder) {
    RefPtr<Inode> to = create(directory, "to", folder), moved = create(directory, "moved", folder);
    if (!to || !moved) return;
    move(directory, "moved", *moved, *to, nullptr);
    moved = create(directory, "over", plain);
    RefPtr<Inode> victim = create(*to, "over", plain);
    if (!moved || !victim) return;
    write(*victim, 0, 3'000);
    if (entries_ % 2 == 0) (void)fs_.sync();  // else the device doesn't know the victim
    move(directory, "over", *moved, *to, victim.get());
  }
  void move(Inode& from, const std::string& name, Inode& moved, Inode& to, Inode* victim) {
    MutexGuard renaming(fs_.rename_lock);
    ExclusiveGuard guard(from.lock);
    to.lock.lock_beside();
    if (victim != nullptr) victim->lock.lock_beside();
    (void)from.rename(name, moved, to, name, victim);
    if (victim != nullptr) victim->lock.unlock();
    to.lock.unlock();
  }

  void change_file(Inode& directory, const std::string& name, unsigned number) {
    auto found = look_up(directory, name);
    if (!found.ok()) return;
    RefPtr<Inode> file = found.take();
    if (file.get() == &directory) return;
    write(*file, file->size.load(), 2'000);
    write(*file, 300'000, 10);
    if (number % 3 == 0) {
      ExclusiveGuard guard(file->lock);
      (void)file->resize(file->size.load() / 2);
    }
    if (number % 3 == 1) {
      ExclusiveGuard guard(directory.lock);
      if (file->type != FileType::kDirectory) (void)directory.link("link", *file);
    }
    if (number % 2 == 0) rename(directory, name, name + "x");
    if (number % 2 == 1) unlink(directory, name, *file);
  }

  void unlink(Inode& directory, const std::string& name, Inode& file) {
    ExclusiveGuard guard(directory.lock);
    file.lock.lock_beside();
    (void)directory.unlink(name, file);
    file.lock.unlock();
  }
  void rename(Inode& directory, const std::string& name, const std::string& new_name) {
    auto found = look_up(directory, name);
    if (!found.ok()) return;
    auto victim = look_up(directory, new_name);
    bool same_kind = !victim.ok() || ((*victim)->type == FileType::kDirectory) ==
                                         ((*found)->type == FileType::kDirectory);
    bool distinct = !victim.ok() || (victim->get() != found->get() && victim->get() != &directory);
    if (!same_kind || !distinct || found->get() == &directory) return;
    ExclusiveGuard guard(directory.lock);
    if (victim.ok()) (*victim)->lock.lock_beside();
    (void)directory.rename(name, **found, directory, new_name,
                           victim.ok() ? victim->get() : nullptr);
    if (victim.ok()) (*victim)->lock.unlock();
  }

  FileSystem& fs_;
  File& file_ = *reinterpret_cast<File*>(file_memory);
  unsigned entries_ = 0, changes_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* bytes = new uint8_t[kDiskSize];
  static HostDisk* disk = [] {
    start_memory();
    if (!start_page_cache().ok()) abort();
    new (file_memory) File();
    return new HostDisk(bytes, kDiskSize);
  }();
  memset(bytes, 0, kDiskSize);
  memcpy(bytes, data, size < kDiskSize ? size : kDiskSize);
  CacheOwner& pages = **device_pages(*disk);
  drop_pages(pages);
  auto opened = ext2::open_ext2(disk, false);
  if (!opened.ok()) return 0;
  RefPtr<FileSystem> fs = opened.take();
  if (auto root = fs->root(); root.ok()) Visit(*fs).walk(root.take(), 0);
  (void)fs->statistics();
  (void)fs->shut_down();
  return 0;
}

/// Most of a disk is empty or file content. Mutations go where something is: a number there becomes
/// another one, small or a neighbour's or absurd.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  if (size < 64 * 1024) return size;
  auto random = [&seed] { return seed = seed * 1664525 + 1013904223, seed >> 8; };
  for (unsigned count = 1 + random() % 6; count > 0; count--) {
    size_t at = 0;
    for (unsigned tries = 0; tries < 200; tries++) {
      at = (uint64_t(random()) << 12 ^ random()) % (size - 8) & ~size_t(3);
      uint64_t there;
      memcpy(&there, data + at, sizeof(there));
      if (there != 0) break;
    }
    uint32_t value = random();
    switch (random() % 6) {
      case 0: value = 0; break;
      case 1: value %= 300; break;
      case 2: value |= 0xffff0000; break;
      case 3: memcpy(&value, data + at, sizeof(value)), value += random() % 5 - 2; break;
      case 4: memcpy(&value, data + (random() % (size - 8) & ~size_t(3)), sizeof(value)); break;
      default: break;
    }
    size_t width = size_t(1) << random() % 3;
    memcpy(data + at + random() % (5 - width), &value, width);
  }
  return size;
}
