// LAB B, item B2: file descriptors: small numbers for a process's open files.
//
// A descriptor is the lowest number that is free; the table grows as needed, up to kMaxFds. fork()
// copies the table: both processes then refer to the same open files (and positions), but closing in
// one leaves the other's. The close-on-exec flag belongs to the descriptor, not to the file.
//
// Locks: each table has its own spinlock (rank kFdTable), held for a few instructions. Threads of one
// process share a table, so each call below is one step for the others, whatever they open and close
// meanwhile; only destroy_fd_table() needs the table for itself. File references are dropped outside the
// spinlock, since that may sleep, and memory is allocated outside, too: look again after that. get_file_by_fd() is on every I/O call's
// way: it takes no lock that sleeps and is O(1); allocate_fd() scans whole words of a bitmap, never
// entries.
#pragma once

#include "vfs/file.h"

namespace cairn {

inline constexpr int kMaxFds = 1024;  // RLIMIT_NOFILE as most systems have it

// ---- LAB B2 (handouts/b-files.md#b2) ---------------------------------------------------------

/// The students' own: a process holds a pointer to one.
struct FdTable;

/// An empty table. ENOMEM.
Result<FdTable*> create_fd_table();
/// fork: a table with the same files and flags. Those of one moment, even while other threads use `table`. ENOMEM.
Result<FdTable*> copy_fd_table(FdTable& table);
/// Closes all descriptors and frees the table. May sleep.
void destroy_fd_table(FdTable* table);

/// The lowest free descriptor that is at least `lowest` (in [0, kMaxFds)), now for `file`. EMFILE when all up to
/// kMaxFds are taken, ENOMEM.
Result<int> allocate_fd(FdTable& table, RefPtr<File> file, bool close_on_exec, int lowest = 0);
/// dup2: makes `fd`, in [0, kMaxFds), refer to `file`; what it referred to before is closed. For whoever looks
/// that is one step. ENOMEM. May sleep.
Result<void> replace_fd(FdTable& table, int fd, RefPtr<File> file, bool close_on_exec);
/// The open file, with a reference. EBADF.
Result<RefPtr<File>> get_file_by_fd(FdTable& table, int fd);
/// Frees the descriptor; EBADF, or what vfs_close() reports. May sleep.
Result<void> close_fd(FdTable& table, int fd);

/// The close-on-exec flag. EBADF.
Result<bool> get_close_on_exec(FdTable& table, int fd);
Result<void> set_close_on_exec(FdTable& table, int fd, bool close);
/// Closes those with the flag, for exec; each is looked at and taken out in one step, so that a descriptor
/// which another thread just got for something else stays. May sleep.
void close_fds_on_exec(FdTable& table);

/// The lowest descriptor in use that is at least `from`, or -1. For listings, and to see whether all are taken.
int next_fd(FdTable& table, int from);

}  // namespace cairn
