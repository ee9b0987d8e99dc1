// fcntl's commands for record locks.
#pragma once

#include "syscalls/lab_b/user_files.h"

namespace cairn {

enum class LockCommand : uint8_t { kGet, kSet, kSetWaiting };

/// Does `command` with the struct flock at `address`. EFAULT, EINVAL, EOVERFLOW, EBADF (not open for
/// what is to be locked), EAGAIN, EINTR, EDEADLK, ENOLCK.
Result<void> control_record_lock(File& file, LockCommand command, uint64_t address);

/// Before descriptor `fd` is closed or replaced: gives up the process's locks on its file.
void drop_record_locks_of_fd(int fd);

}  // namespace cairn
