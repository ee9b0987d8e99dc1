#include "syscalls/lab_b/record_lock_control.h"

#include "address_space/user_copy.h"
#include "vfs/record_locks.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/asm-generic/fcntl.h.
enum Kind : int16_t { kShared = 0, kExclusive = 1, kUnlocked = 2 };

/// Where a lock's start is counted from.
Result<uint64_t> origin_of(File& file, int16_t whence) {
  switch (Whence(uint16_t(whence))) {
    case Whence::kSet: return uint64_t(0);
    case Whence::kCurrent: return position_of(file);
    case Whence::kEnd: return file.inode().size.load();
    default: return Errno::kEINVAL;
  }
}

/// The bytes that a struct flock means; a length below 0 reaches backwards, 0 to the end of all files.
Result<RecordLock> range_of(File& file, const abi::FileLock& asked) {
  auto origin = int64_t(TRY(origin_of(file, asked.whence)));
  int64_t start, last = INT64_MAX;
  if (__builtin_add_overflow(origin, asked.start, &start)) return Errno::kEOVERFLOW;
  if (start < 0) return Errno::kEINVAL;
  if (asked.length > 0 && __builtin_add_overflow(start, asked.length - 1, &last)) {
    return Errno::kEOVERFLOW;
  }
  if (asked.length < 0) {
    last = start - 1;
    if (__builtin_add_overflow(start, asked.length, &start) || start < 0) return Errno::kEINVAL;
  }
  if (asked.kind < kShared || asked.kind > kUnlocked) return Errno::kEINVAL;
  RecordLock range;
  range.owner = &current_files();
  range.pid = current_process()->pid;
  range.exclusive = asked.kind == kExclusive;
  range.first = uint64_t(start);
  range.last = uint64_t(last);
  return range;
}

Result<void> tell_conflict(File& file, abi::FileLock lock, uint64_t address) {
  if (lock.kind != kShared && lock.kind != kExclusive) return Errno::kEINVAL;
  RecordLock range = TRY(range_of(file, lock));
  auto conflict = find_lock_conflict(file.inode(), range);
  lock.kind = kUnlocked;
  if (conflict) {
    lock.kind = conflict->exclusive ? kExclusive : kShared;
    lock.whence = 0;
    lock.start = int64_t(conflict->first);
    lock.length = conflict->last == kLastByte ? 0 : int64_t(conflict->last - conflict->first + 1);
    lock.pid = int32_t(conflict->pid.value);
  }
  return write_user(VirtAddr(address), lock);
}

}  // namespace

Result<void> control_record_lock(File& file, LockCommand command, uint64_t address) {
  auto lock = TRY(read_user<abi::FileLock>(VirtAddr(address)));
  if (command == LockCommand::kGet) return tell_conflict(file, lock, address);
  RecordLock range = TRY(range_of(file, lock));
  Inode& inode = file.inode();
  if (lock.kind == kUnlocked) return drop_record_locks(inode, range.owner, range.first, range.last);
  if (!(range.exclusive ? file.writable : file.readable)) return Errno::kEBADF;
  return command == LockCommand::kSet ? take_record_lock(inode, range)
                                      : wait_for_record_lock(inode, range);
}

void drop_record_locks_of_fd(int fd) {
  if (current_files().record_locks.count.load() == 0) return;
  auto file = usable_file(uint64_t(fd));
  if (file.ok()) drop_record_locks_of_file((*file)->inode(), &current_files());
}

}  // namespace cairn
