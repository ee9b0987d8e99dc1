// mount, umount, ls, cat, stat, inode, cache: looking at files.
#include "memory/heap.h"
#include "monitor/lab_b/file_paths.h"
#include "tty/console.h"
#include "vfs/dentry_cache.h"
#include "vfs/directory.h"
#include "vfs/file_ops.h"

namespace cairn {

Result<PathContext> monitor_context(MonitorSession& session) {
  Place root = root_place();
  if (!root) return session.fail(Errno::kENOENT, "no file system is mounted; mount DEVICE /");
  return PathContext{root, root};
}

Result<Place> find_file(MonitorSession& session, std::string_view path, LastLink last) {
  PathContext context = TRY(monitor_context(session));
  return name_error(session, path, resolve_path(context, path, last));
}

void print_mode(std::span<char> text, FileType type, uint16_t permissions) {
  constexpr char kTypes[] = {'?', '-', 'd', 'c', 'b', 'p', 's', 'l'};
  constexpr char kBits[] = "rwxrwxrwx";
  text[0] = kTypes[uint8_t(type)];
  for (unsigned i = 0; i < 9; i++) text[1 + i] = (permissions >> (8 - i) & 1) ? kBits[i] : '-';
  constexpr char kSpecial[] = {'s', 's', 't'};
  for (unsigned i = 0; i < 3; i++) {
    if ((permissions >> (11 - i) & 1) == 0) continue;
    char& execute = text[3 + 3 * i];
    execute = execute == 'x' ? kSpecial[i] : char(kSpecial[i] - 'a' + 'A');
  }
  text[10] = '\0';
}

namespace {

void print_mounts(MonitorSession& session) {
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    char path[256] = "/";
    Place root = root_place();
    if (mount->covered) {
      auto length = path_of({root, root}, {RefPtr<Mount>::share(mount), mount->root}, path);
      if (!length.ok()) BufferWriter(path).write("?");
    }
    print(session.out, "{} on {} type {} ({})\n", mount->source, path,
          mount->file_system->type_name, mount->read_only ? "ro" : "rw");
  }
}

Result<void> mount_command(MonitorSession& session, Arguments arguments) {
  if (arguments.empty()) {
    print_mounts(session);
    return {};
  }
  if (arguments.size() == 1) return session.fail(Errno::kEINVAL, "{}: where?", arguments[0]);
  bool read_only = arguments.back() == "ro";
  bool typed = arguments.size() - (read_only ? 1 : 0) == 3;
  std::string_view type = typed ? arguments[2] : "ext2";
  Place where;
  if (root_place() || arguments[1] != "/") where = TRY(find_file(session, arguments[1]));
  auto mounted = mount_device(where, arguments[0], type, read_only);
  if (mounted.error() == Errno::kEINVAL) {
    return session.fail(Errno::kEINVAL, "{}: no {} that can be mounted", arguments[0], type);
  }
  return name_error(session, arguments[0], mounted);
}

Result<void> umount_command(MonitorSession& session, Arguments arguments) {
  Place where = TRY(find_file(session, arguments[0]));
  auto done = unmount_place(where);
  if (done.error() == Errno::kEINVAL) {
    return session.fail(Errno::kEINVAL, "{}: nothing is mounted there", arguments[0]);
  }
  return name_error(session, arguments[0], done);
}

void print_attributes(MonitorSession& session, Inode& inode, std::string_view name) {
  Attributes attributes = inode.attributes();
  char mode[11];
  print_mode(mode, inode.type, attributes.permissions);
  print(session.out, "{} {:3} {:5} {:5} {:10} {}", mode, attributes.links, attributes.owner,
        attributes.group, attributes.size, name);
  if (inode.type == FileType::kSymlink) {
    char target[256];
    auto length = inode.read_link(target);
    if (length.ok()) print(session.out, " -> {}", std::string_view(target, *length));
  }
  print(session.out, "\n");
}

Result<void> list_directory(MonitorSession& session, const Place& directory) {
  auto file = TRY(opendir(directory));
  DirectoryEntry entry;
  while (TRY(readdir(*file, entry))) {
    // By number would need the file system's own way: the name says it too.
    RefPtr<Inode> inode;
    {
      SharedGuard guard(directory.inode->lock);
      auto found = directory.inode->lookup(entry.name());
      if (found.ok()) inode = found.take();
    }
    if (inode) {
      print_attributes(session, *inode, entry.name());
    } else {
      print(session.out, "? {} (inode {})\n", entry.name(), entry.inode);
    }
  }
  closedir(std::move(file));
  return {};
}

Result<void> ls(MonitorSession& session, Arguments arguments) {
  std::string_view path = arguments.empty() ? "/" : arguments[0];
  Place place = TRY(find_file(session, path));
  if (place.inode->type == FileType::kDirectory) {
    return name_error(session, path, list_directory(session, place));
  }
  print_attributes(session, *place.inode, path);
  return {};
}

Result<void> print_file(MonitorSession& session, File& file) {
  char piece[256];
  while (true) {
    IoBuffer buffer = IoBuffer::kernel(piece, sizeof(piece));
    uint64_t count = TRY(vfs_read(file, buffer));
    if (count == 0) return {};
    session.out.write({piece, count});
    if (session.interactive && take_console_interrupt()) return Errno::kEINTR;
  }
}

Result<void> cat(MonitorSession& session, Arguments arguments) {
  PathContext context = TRY(monitor_context(session));
  auto file = TRY(name_error(
      session, arguments[0],
      vfs_open(context, arguments[0], open_flag::kReadOnly | open_flag::kNonBlocking, 0)));
  (void)take_console_interrupt();  // of an earlier command
  TRY(name_error(session, arguments[0], print_file(session, *file)));
  return vfs_close(std::move(file));
}

Result<void> stat(MonitorSession& session, Arguments arguments) {
  Place place = TRY(find_file(session, arguments[0], LastLink::kKeep));
  Inode& inode = *place.inode;
  Attributes attributes = inode.attributes();
  char mode[11];
  print_mode(mode, inode.type, attributes.permissions);
  print(session.out, "inode={} mode={} links={} owner={} group={} size={} sectors={}\n",
        inode.number, mode, attributes.links, attributes.owner, attributes.group, attributes.size,
        attributes.sectors);
  print(session.out, "accessed={} modified={} changed={} device={:x} mount={}\n",
        attributes.accessed.seconds, attributes.modified.seconds, attributes.changed.seconds,
        attributes.device, place.mount->source);
  print(session.out, "references={} pages={} dirty={}\n", inode.references() - 1,
        inode.page_count.load(), inode.dirty_count.load());
  return {};
}

Result<void> inode_command(MonitorSession& session, Arguments arguments) {
  uint64_t number = TRY(parse_number(session, arguments[0], "inode"));
  Place place = TRY(find_file(session, arguments.size() > 1 ? arguments[1] : "/"));
  RefPtr<Inode> inode = place.mount->file_system->inodes.find(InodeNumber(number));
  if (!inode) return session.fail(Errno::kENOENT, "inode {} is not in memory", number);
  print_attributes(session, *inode, "");
  print(session.out, "references={} mounts={} pages={} dirty={}\n", inode->references() - 1,
        inode->mount_count.load(), inode->page_count.load(), inode->dirty_count.load());
  return {};
}

Result<void> cache_command(MonitorSession& session, Arguments arguments) {
  if (!arguments.empty()) {
    if (arguments[0] != "drop") {
      return session.fail(Errno::kEINVAL, "cache {}: it can only drop", arguments[0]);
    }
    TRY(sync_all());
    uint64_t dentries = dentry_cache_shrink(UINT64_MAX);
    uint64_t inodes = 0;
    MountWalk walk;
    while (Mount* mount = walk.next()) {
      inodes += mount->file_system->inodes.shrink(UINT64_MAX);
    }
    uint64_t pages = evict_pages(UINT64_MAX);
    print(session.out, "dropped pages={} inodes={} dentries={}\n", pages, inodes, dentries);
    return {};
  }
  PageCacheUsage pages = page_cache_usage();
  DentryCacheUsage dentries = dentry_cache_usage();
  print(session.out, "pages={} dirty={} dirty_limit={}\n", pages.pages, pages.dirty,
        pages.limit_dirty);
  print(session.out, "dentries={} negative={} most_dentries={}\n", dentries.entries,
        dentries.negative, max_dentries());
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    FileSystem& file_system = *mount->file_system;
    FileSystemStatistics statistics = file_system.statistics();
    print(session.out,
          "mount={} inodes={} used={} blocks={} free_blocks={} files={} free_files={}\n",
          mount->source, file_system.inodes.count(), file_system.inodes.used(), statistics.blocks,
          statistics.free_blocks, statistics.files, statistics.free_files);
  }
  return {};
}

constexpr Command kCommands[] = {
    {"mount", "[DEVICE DIR [TYPE] [ro]]", "the mount table; add to it", mount_command, 0, 4},
    {"umount", "DIRECTORY", "take a mount away", umount_command, 1, 1},
    {"ls", "[PATH]", "list a directory", ls, 0, 1},
    {"cat", "PATH", "print a file", cat, 1, 1},
    {"stat", "PATH", "a file's attributes", stat, 1, 1},
    {"inode", "N [DIRECTORY]", "an inode in memory, of what is there", inode_command, 1, 2},
    {"cache", "[drop]", "what is in memory; drop the unused", cache_command, 0, 1},
};

}  // namespace

std::span<const Command> file_commands() { return kCommands; }

}  // namespace cairn
