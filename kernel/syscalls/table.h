// All system calls that Cairn knows: number, name, arguments, and where its handler lives. From
// this one list come the dispatch table and what the monitor's `syscalls` lists.
//
// A handler is a weak symbol: `int64_t sys_NAME(TrapFrame&)`. Where no file of the stage defines it,
// its entry is null and the call returns ENOSYS, never a false success.
// Source of numbers and arguments: Linux, arch/x86/entry/syscalls/syscall_64.tbl; syscalls(2).
#pragma once

#include <span>

#include "arch/trap_frame.h"

// X(number, name, arguments)
#define CAIRN_SYSCALLS(X)                                      \
  X(0, read, "fd, buffer, count")                              \
  X(1, write, "fd, buffer, count")                             \
  X(9, mmap, "address, length, prot, flags, fd, offset")       \
  X(10, mprotect, "address, length, prot")                     \
  X(11, munmap, "address, length")                             \
  X(12, brk, "address")                                        \
  X(13, rt_sigaction, "signal, action, old_action, mask_size") \
  X(14, rt_sigprocmask, "how, set, old_set, mask_size")        \
  X(20, writev, "fd, vector, count")                           \
  X(24, sched_yield, "")                                       \
  X(35, nanosleep, "request, remaining")                       \
  X(39, getpid, "")                                            \
  X(56, clone, "flags, stack, parent_tid, child_tid, tls")     \
  X(57, fork, "")                                              \
  X(58, vfork, "")                                             \
  X(60, exit, "status")                                        \
  X(61, wait4, "pid, status, options, usage")                  \
  X(62, kill, "pid, signal")                                   \
  X(63, uname, "buffer")                                       \
  X(110, getppid, "")                                          \
  X(158, arch_prctl, "code, address")                          \
  X(218, set_tid_address, "address")                           \
  X(228, clock_gettime, "clock, time")                         \
  X(230, clock_nanosleep, "clock, flags, request, remaining")  \
  X(231, exit_group, "status")

namespace cairn {

using SyscallHandler = int64_t (*)(TrapFrame& call);
inline constexpr uint64_t kSyscallLimit = 512;

#define CAIRN_DECLARE(number, name, arguments) [[gnu::weak]] int64_t sys_##name(TrapFrame& call);
CAIRN_SYSCALLS(CAIRN_DECLARE)
#undef CAIRN_DECLARE

struct SyscallInfo {
  uint64_t number;
  const char* name;
  const char* arguments;
  bool present;  // this stage has a handler
};
/// Every call of the list, by number.
std::span<const SyscallInfo> all_syscalls();

}  // namespace cairn
