// walk: everything below a directory, listed and read. For developers and the harness: on a damaged
// disk it meets all that is damaged.
#include "memory/heap.h"
#include "monitor/lab_b/file_paths.h"
#include "page_cache/page_cache.h"
#include "vfs/directory.h"
#include "vfs/file_ops.h"

namespace cairn {

namespace {

constexpr unsigned kMaxDepth = 64;         // directories inside each other
constexpr uint64_t kMaxEntries = 200'000;  // in all
constexpr uint64_t kReadWhole =
    256 * 1024;  // bytes of the start of a file; then a page here and there

/// What a walk found.
struct Findings {
  uint64_t directories = 0, files = 0, links = 0, others = 0, bytes = 0;
  uint64_t errors = 0;  // names, directories and files that gave an error
  uint64_t sum = 0;     // of all bytes read, so that nothing is read for nothing
};

void read_from(Inode& inode, uint64_t offset, uint64_t limit, Findings& found) {
  char piece[512];
  ReadAhead pattern;
  while (limit != 0) {
    IoBuffer buffer = IoBuffer::kernel(piece, limit < sizeof(piece) ? limit : sizeof(piece));
    auto count = read_cached(inode, buffer, offset, inode.size.load(), &pattern);
    if (!count.ok()) {
      found.errors++;
      return;
    }
    if (*count == 0) return;
    for (uint64_t i = 0; i < *count; i++) found.sum += uint8_t(piece[i]);
    found.bytes += *count;
    offset += *count;
    limit -= *count;
  }
}

void visit_file(Inode& inode, Findings& found) {
  (void)inode.attributes();
  switch (inode.type) {
    case FileType::kRegular: {
      found.files++;
      read_from(inode, 0, kReadWhole, found);
      uint64_t size = inode.size.load();
      // Steps that double come by each kind of pointer; sizes that are lies don't make it long.
      for (uint64_t at = kReadWhole; at < size / 2; at *= 2) read_from(inode, at, kPageSize, found);
      if (size > kReadWhole + kPageSize) read_from(inode, size - kPageSize, kPageSize, found);
      break;
    }
    case FileType::kSymlink: {
      char target[256];
      found.links++;
      if (!inode.read_link(target).ok()) found.errors++;
      break;
    }
    default: found.others++;
  }
}

/// The directories from the start down to where the walk is, each open.
struct Level {
  Place place;
  RefPtr<File> file;
};

class Walker {
 public:
  Walker(Level* levels, Findings& found) : levels_(levels), found_(found) {}

  Result<void> run(const Place& start) {
    enter(start);
    DirectoryEntry entry;
    for (uint64_t entries = 0; depth_ != 0 && entries < kMaxEntries; entries++) {
      Level& level = levels_[depth_ - 1];
      auto more = readdir(*level.file, entry);
      if (!more.ok()) found_.errors++;
      if (!more.ok() || !*more) {
        leave();
      } else if (entry.name() != "." && entry.name() != "..") {
        visit(level.place, entry);
      }
    }
    while (depth_ != 0) leave();
    return {};
  }

 private:
  void enter(const Place& place) {
    auto opened = opendir(place);
    if (!opened.ok()) {
      found_.errors++;
      return;
    }
    found_.directories++;
    new (&levels_[depth_++]) Level{place, opened.take()};
  }
  void leave() { levels_[--depth_].~Level(); }

  void visit(const Place& directory, const DirectoryEntry& entry) {
    auto inode = look_up(*directory.inode, entry.name());
    if (!inode.ok()) {
      found_.errors++;
      return;
    }
    bool is_directory = (*inode)->type == FileType::kDirectory;
    if (!is_directory) return visit_file(**inode, found_);
    // A damaged disk may have a directory inside itself: the depth ends that.
    if (depth_ < kMaxDepth) enter({directory.mount, *inode});
  }

  Level* levels_;
  unsigned depth_ = 0;
  Findings& found_;
};

Result<void> walk(MonitorSession& session, Arguments arguments) {
  Place start = TRY(find_file(session, arguments[0]));
  auto* levels = static_cast<Level*>(heap_allocate(kMaxDepth * sizeof(Level)));
  if (levels == nullptr) return session.fail(Errno::kENOMEM, "out of memory");
  Findings found;
  auto walked = Walker(levels, found).run(start);
  heap_free(levels);
  print(session.out, "directories={} files={} links={} others={} bytes={} errors={} sum={}\n",
        found.directories, found.files, found.links, found.others, found.bytes, found.errors,
        found.sum);
  return walked;
}

constexpr Command kCommands[] = {
    {"walk", "DIRECTORY", "list all below, read (parts of) files", walk, 1, 1},
};

}  // namespace

std::span<const Command> file_walk_commands() { return kCommands; }

}  // namespace cairn
