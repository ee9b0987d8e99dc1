// What the monitor's file commands share. Paths are walked from the root.
#pragma once

#include "monitor/command.h"
#include "vfs/path.h"

namespace cairn {

/// The root as root and current directory. ENOENT without a root.
Result<PathContext> monitor_context(MonitorSession& session);
/// The file at `path`, the error with a message that names it.
Result<Place> find_file(MonitorSession& session, std::string_view path,
                        LastLink last = LastLink::kFollow);
/// "no such file or directory" for ENOENT; "failed" for errors that say nothing of files.
const char* error_words(Errno error);
/// Passes a result on; if it is an error, "PATH: what it means" becomes the message.
template <class T>
Result<T> name_error(MonitorSession& session, std::string_view path, Result<T> result) {
  if (!result.ok())
    return session.fail(result.error(), "{}: {}", path, error_words(result.error()));
  return result;
}

/// "-rwxr-xr-x" for `ls` and `stat`; 11 characters with the NUL.
void print_mode(std::span<char> text, FileType type, uint16_t permissions);

}  // namespace cairn
