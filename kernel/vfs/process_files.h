// What a process has of the file system: descriptors, root, current directory, umask.
#pragma once

#include "vfs/fd_table.h"
#include "vfs/path.h"

namespace cairn {

/// Its own thread only; others (monitor, GDB) look while it can't run.
struct ProcessFiles {
  FdTable* table = nullptr;  // null while lab B's table isn't written: the console is 0, 1 and 2
  PathContext context;
  uint16_t umask = 022;
};

/// For a process that the kernel starts: the console as 0, 1 and 2, the root as its directory.
/// ENOMEM. The stand-in of lab B gives null.
Result<ProcessFiles*> create_process_files();
/// fork. ENOMEM. Null for null.
Result<ProcessFiles*> copy_process_files(ProcessFiles* files);
/// exit. Null is fine. May sleep.
void destroy_process_files(ProcessFiles* files);

}  // namespace cairn
