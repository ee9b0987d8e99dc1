// write, mkdir, rm, mv, sync: changing files.
#include "monitor/lab_b/file_paths.h"
#include "vfs/file_ops.h"
#include "vfs/name_ops.h"

namespace cairn {

namespace {

Result<void> write_words(File& file, Arguments words) {
  for (size_t i = 0; i < words.size(); i++) {
    for (std::string_view text : {words[i], std::string_view(i + 1 < words.size() ? " " : "\n")}) {
      IoBuffer buffer = IoBuffer::kernel(text.data(), text.size());
      while (buffer.left() != 0) TRY(vfs_write(file, buffer));
    }
  }
  return {};
}

/// write PATH WORD…: the words and a newline become the file's content; write -a appends them.
Result<void> write_command(MonitorSession& session, Arguments arguments) {
  bool append = arguments[0] == "-a";
  if (append) arguments = arguments.subspan(1);
  if (arguments.empty()) return session.fail(Errno::kEINVAL, "write -a: to which file?");
  PathContext context = TRY(monitor_context(session));
  uint32_t flags = open_flag::kWriteOnly | open_flag::kCreate | open_flag::kNonBlocking |
                   (append ? open_flag::kAppend : open_flag::kTruncate);
  std::string_view path = arguments[0];
  auto file = TRY(name_error(session, path, vfs_open(context, path, flags, 0644)));
  TRY(name_error(session, path, write_words(*file, arguments.subspan(1))));
  return name_error(session, path, vfs_close(std::move(file)));
}

Result<void> mkdir(MonitorSession& session, Arguments arguments) {
  PathContext context = TRY(monitor_context(session));
  NewFile directory{.type = FileType::kDirectory, .permissions = 0755};
  return name_error(session, arguments[0], vfs_make(context, arguments[0], directory));
}

Result<void> rm(MonitorSession& session, Arguments arguments) {
  PathContext context = TRY(monitor_context(session));
  auto removed = vfs_unlink(context, arguments[0]);
  if (removed.error() == Errno::kEISDIR) removed = vfs_rmdir(context, arguments[0]);
  return name_error(session, arguments[0], removed);
}

Result<void> mv(MonitorSession& session, Arguments arguments) {
  PathContext context = TRY(monitor_context(session));
  return name_error(session, arguments[0], vfs_rename(context, arguments[0], arguments[1]));
}

Result<void> sync(MonitorSession& session, Arguments) {
  auto synced = sync_all();
  if (!synced.ok()) return session.fail(synced.error(), "not everything was written");
  return {};
}

constexpr Command kCommands[] = {
    {"write", "[-a] PATH [WORD…]", "write words to a file; -a: append", write_command, 1},
    {"mkdir", "PATH", "make a directory", mkdir, 1, 1},
    {"rm", "PATH", "remove a file or an empty directory", rm, 1, 1},
    {"mv", "OLD NEW", "rename", mv, 2, 2},
    {"sync", "", "write everything that changed to the disks", sync, 0, 0},
};

}  // namespace

std::span<const Command> file_change_commands() { return kCommands; }

}  // namespace cairn
