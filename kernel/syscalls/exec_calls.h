// LAB C, item C4: the calls. The work is exec/execve.h's execute().
#pragma once

#include "syscalls/table.h"

namespace cairn {

// ---- LAB C4 (handouts/c-exec.md#c4) ----------------------------------------------------------

// sys_execve(path, arguments, environment) and sys_execveat(dirfd, path, arguments, environment, flags): of
// syscalls/table.h. On success `call` is the new program's, to its last register: they set Thread::interrupted, so
// that all of it is loaded (syscalls/dispatch.cc), and return 0.
// execveat() knows AT_EMPTY_PATH, with which an empty path means the descriptor itself, and AT_SYMLINK_NOFOLLOW;
// other flags are EINVAL. What is executed by a descriptor has the path "/dev/fd/N/PATH", or "/dev/fd/N" where PATH is
// empty, unless PATH is absolute or the descriptor AT_FDCWD; it ends if the descriptor has close-on-exec. ENOENT: an
// empty path; EBADF, ENOTDIR: the descriptor; EFAULT, ENAMETOOLONG: the path.

}  // namespace cairn
