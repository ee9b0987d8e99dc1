// Record locks: ranges of a file's bytes that a process has reserved, for programs that ask before
// they read or write; the data calls don't look at them. Many may hold a range shared, one exclusively.
//
// They belong to the process, not to a descriptor: a new lock replaces what the same process had
// there, closing any descriptor of a file gives up all its locks on it, and fork doesn't copy them.
//
// Locks: one spinlock (rank kRecordLocks) over one list, which is short where it isn't empty. While
// nobody has a lock anywhere, closing costs a look at a counter.
// Source: POSIX.1-2017, "fcntl"; Linux, fcntl_locking(2).
#pragma once

#include <optional>

#include "vfs/process_files.h"

namespace cairn {

struct RecordLock {
  const ProcessFiles* owner = nullptr;  // whose it is
  Pid pid{};                            // what F_GETLK says of it
  bool exclusive = false;
  uint64_t first = 0, last = 0;  // bytes, both included; to the end of all files: kLastByte
};
inline constexpr uint64_t kLastByte = INT64_MAX;

/// The lock of another process nearest to the start of the file that `wanted` can't stand beside.
std::optional<RecordLock> find_lock_conflict(const Inode& inode, const RecordLock& wanted);
/// Takes `wanted`. EAGAIN (it can't stand beside another's), ENOLCK (no memory).
Result<void> take_record_lock(const Inode& inode, const RecordLock& wanted);
/// The same, waiting for the others. EINTR, EDEADLK (they wait for us), ENOLCK. May sleep.
Result<void> wait_for_record_lock(const Inode& inode, const RecordLock& wanted);
/// Gives up what `owner` has from `first` to `last`. ENOLCK (a lock in two parts needs memory).
Result<void> drop_record_locks(const Inode& inode, const ProcessFiles* owner, uint64_t first,
                               uint64_t last);

/// Whether anybody has any: if not, the two below have nothing to do.
bool record_locks_exist();
/// Gives up all that `owner` has on the file: a descriptor of it is closed.
void drop_record_locks_of_file(const Inode& inode, const ProcessFiles* owner);
/// Gives up all that `owner` has: it ends.
void drop_all_record_locks(const ProcessFiles* owner);

}  // namespace cairn
