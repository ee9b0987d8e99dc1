// Record locks: ranges of a file's bytes that a process has reserved, for programs that ask before
// they read or write; the data calls don't look at them. Many may hold a range shared, one exclusively.
//
// They belong to the process, not to a descriptor: a new lock replaces what the same process had
// there, closing any descriptor of a file gives up all its locks on it, and fork doesn't copy them.
//
// Locks: one spinlock (rank kRecordLocks). A file's locks are a tree that the inode points to, in order of
// owner and start, so that an owner finds his own without passing others'; an owner's are a list that his
// ProcessFiles holds. Opening, closing and ending look at a pointer, and go on where it is null.
// Source: POSIX.1-2017, "fcntl"; Linux, fcntl_locking(2).
#pragma once

#include <optional>

#include "lib/list.h"
#include "lib/tree.h"
#include "vfs/inode.h"

namespace cairn {

class ProcessFiles;

struct RecordLock {
  ProcessFiles* owner = nullptr;  // whose it is
  Pid pid{};                      // what F_GETLK says of it
  bool exclusive = false;
  uint64_t first = 0, last = 0;  // bytes, both included; to the end of all files: kLastByte
};
inline constexpr uint64_t kLastByte = INT64_MAX;

/// A lock as its file's tree and its owner's list hold it.
struct HeldLock {
  RecordLock lock;
  Inode* inode;  // alive: its owner has a descriptor of it as long as it has the lock
  TreeLink<HeldLock> tree_link;
  ListLink owner_link;
};

/// What an owner has, of all files. Both fields are record_locks.cc's, under its lock; the count is read without.
struct HeldLocks {
  List<HeldLock, &HeldLock::owner_link> list;
  std::atomic<uint32_t> count{0};
};

/// The lock of another process nearest to the start of the file that `wanted` can't stand beside.
std::optional<RecordLock> find_lock_conflict(Inode& inode, const RecordLock& wanted);
/// Takes `wanted`. EAGAIN (it can't stand beside another's), ENOLCK (no memory).
Result<void> take_record_lock(Inode& inode, const RecordLock& wanted);
/// The same, waiting for the others. EINTR, EDEADLK (they wait for us), ENOLCK. May sleep.
Result<void> wait_for_record_lock(Inode& inode, const RecordLock& wanted);
/// Gives up what `owner` has from `first` to `last`. ENOLCK (a lock in two parts needs memory).
Result<void> drop_record_locks(Inode& inode, ProcessFiles* owner, uint64_t first, uint64_t last);

/// Gives up all that `owner` has on the file: a descriptor of it is closed.
void drop_record_locks_of_file(Inode& inode, ProcessFiles* owner);
/// Gives up all that `owner` has: it ends.
void drop_all_record_locks(ProcessFiles* owner);

}  // namespace cairn
