// What a process has of the file system: descriptors, root, current directory, umask, and who it is there.
#pragma once

#include "vfs/fd_table.h"
#include "vfs/path.h"
#include "vfs/record_locks.h"

namespace cairn {

/// Threads share their process's; processes may, too (clone's CLONE_FS with CLONE_FILES). Counted.
class ProcessFiles : public RefCounted<ProcessFiles> {
 public:
  explicit ProcessFiles(FdTable* table) : table(table) {}
  /// Closes all descriptors, gives up all record locks. May sleep.
  ~ProcessFiles();

  FdTable* const table;  // null while lab B's table isn't written: the console is 0, 1 and 2
  std::atomic<uint16_t> umask{022};
  HeldLocks record_locks;

  /// A snapshot: what another thread changes meanwhile doesn't move a walk that has begun.
  PathContext context() const;
  bool has_root() const;
  Credentials who() const;
  // What was there before is let go outside the lock: may sleep.
  void set_context(const PathContext& context);
  void set_current(const Place& directory);
  void set_root(const Place& directory);
  /// Returns who it was.
  Credentials set_credentials(const Credentials& who);

 private:
  mutable Spinlock lock_{"process files", LockRank::kProcessFiles};
  PathContext context_ GUARDED_BY(lock_);
};

/// The console, under no name: /dev need not be there. An upward need, special_files/anonymous.cc.
Place console_place();

/// For a process that the kernel starts: the console as 0, 1 and 2, the root as its directory.
/// ENOMEM. The stand-in of lab B gives null.
Result<ProcessFiles*> create_process_files();
/// fork. ENOMEM. Null for null.
Result<ProcessFiles*> copy_process_files(ProcessFiles* files);
/// Gives up a reference: at exit. Null is fine. May sleep.
void release_process_files(ProcessFiles* files);

}  // namespace cairn
