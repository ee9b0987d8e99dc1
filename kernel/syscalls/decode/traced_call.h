// A system call of a thread that is traced (process/call_trace.h).
#pragma once

#include "syscalls/table.h"

namespace cairn {

/// What the call returns: it is told as it begins and as it returns. The running thread's. May sleep.
int64_t traced_call(TrapFrame& call, SyscallHandler handler);

}  // namespace cairn
