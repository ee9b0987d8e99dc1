// All system calls that Cairn knows: number, name, arguments, and where its handler lives. From
// this one list come the dispatch table and what the monitor's `syscalls` lists.
//
// A handler is a weak symbol: `int64_t sys_NAME(TrapFrame&)`. Where no file of the stage defines it,
// its entry is null and the call returns ENOSYS, never a false success.
// Source of numbers and arguments: Linux, arch/x86/entry/syscalls/syscall_64.tbl; syscalls(2).
#pragma once

#include <span>

#include "arch/trap_frame.h"
#include "sched/thread.h"

// X(number, name, arguments)
#define CAIRN_SYSCALLS(X)                                                 \
  X(0, read, "fd, buffer, count")                                         \
  X(1, write, "fd, buffer, count")                                        \
  X(2, open, "path, flags, mode")                                         \
  X(3, close, "fd")                                                       \
  X(4, stat, "path, result")                                              \
  X(5, fstat, "fd, result")                                               \
  X(6, lstat, "path, result")                                             \
  X(7, poll, "fds, count, timeout_ms")                                    \
  X(8, lseek, "fd, offset, whence")                                       \
  X(9, mmap, "address, length, prot, flags, fd, offset")                  \
  X(10, mprotect, "address, length, prot")                                \
  X(11, munmap, "address, length")                                        \
  X(12, brk, "address")                                                   \
  X(13, rt_sigaction, "signal, action, old_action, mask_size")            \
  X(14, rt_sigprocmask, "how, set, old_set, mask_size")                   \
  X(15, rt_sigreturn, "")                                                 \
  X(16, ioctl, "fd, request, argument")                                   \
  X(17, pread64, "fd, buffer, count, offset")                             \
  X(18, pwrite64, "fd, buffer, count, offset")                            \
  X(19, readv, "fd, vector, count")                                       \
  X(20, writev, "fd, vector, count")                                      \
  X(21, access, "path, mode")                                             \
  X(22, pipe, "fds")                                                      \
  X(23, select, "count, read, write, exceptional, timeout")               \
  X(24, sched_yield, "")                                                  \
  X(25, mremap, "address, old_length, length, flags, target")             \
  X(26, msync, "address, length, flags")                                  \
  X(27, mincore, "address, length, present")                              \
  X(28, madvise, "address, length, advice")                               \
  X(32, dup, "fd")                                                        \
  X(33, dup2, "from, to")                                                 \
  X(34, pause, "")                                                        \
  X(35, nanosleep, "request, remaining")                                  \
  X(36, getitimer, "which, value")                                        \
  X(37, alarm, "seconds")                                                 \
  X(38, setitimer, "which, value, old_value")                             \
  X(39, getpid, "")                                                       \
  X(40, sendfile, "out, in, offset, count")                               \
  X(41, socket, "family, type, protocol")                                 \
  X(42, connect, "fd, address, size")                                     \
  X(43, accept, "fd, address, size")                                      \
  X(44, sendto, "fd, buffer, count, flags, address, size")                \
  X(45, recvfrom, "fd, buffer, count, flags, address, size")              \
  X(46, sendmsg, "fd, message, flags")                                    \
  X(47, recvmsg, "fd, message, flags")                                    \
  X(48, shutdown, "fd, how")                                              \
  X(49, bind, "fd, address, size")                                        \
  X(50, listen, "fd, backlog")                                            \
  X(51, getsockname, "fd, address, size")                                 \
  X(52, getpeername, "fd, address, size")                                 \
  X(53, socketpair, "family, type, protocol, fds")                        \
  X(54, setsockopt, "fd, level, option, value, size")                     \
  X(55, getsockopt, "fd, level, option, value, size")                     \
  X(56, clone, "flags, stack, parent_tid, child_tid, tls")                \
  X(57, fork, "")                                                         \
  X(58, vfork, "")                                                        \
  X(59, execve, "path, arguments, environment")                           \
  X(60, exit, "status")                                                   \
  X(61, wait4, "pid, status, options, usage")                             \
  X(62, kill, "pid, signal")                                              \
  X(63, uname, "buffer")                                                  \
  X(72, fcntl, "fd, command, argument")                                   \
  X(74, fsync, "fd")                                                      \
  X(75, fdatasync, "fd")                                                  \
  X(76, truncate, "path, size")                                           \
  X(77, ftruncate, "fd, size")                                            \
  X(79, getcwd, "buffer, size")                                           \
  X(80, chdir, "path")                                                    \
  X(81, fchdir, "fd")                                                     \
  X(82, rename, "from, to")                                               \
  X(83, mkdir, "path, mode")                                              \
  X(84, rmdir, "path")                                                    \
  X(85, creat, "path, mode")                                              \
  X(86, link, "from, to")                                                 \
  X(87, unlink, "path")                                                   \
  X(88, symlink, "target, path")                                          \
  X(89, readlink, "path, buffer, size")                                   \
  X(90, chmod, "path, mode")                                              \
  X(91, fchmod, "fd, mode")                                               \
  X(92, chown, "path, owner, group")                                      \
  X(93, fchown, "fd, owner, group")                                       \
  X(94, lchown, "path, owner, group")                                     \
  X(95, umask, "mask")                                                    \
  X(96, gettimeofday, "time, zone")                                       \
  X(97, getrlimit, "kind, limit")                                         \
  X(98, getrusage, "who, usage")                                          \
  X(99, sysinfo, "information")                                           \
  X(100, times, "times")                                                  \
  X(102, getuid, "")                                                      \
  X(103, syslog, "action, buffer, size")                                  \
  X(104, getgid, "")                                                      \
  X(105, setuid, "user")                                                  \
  X(106, setgid, "group")                                                 \
  X(107, geteuid, "")                                                     \
  X(108, getegid, "")                                                     \
  X(109, setpgid, "pid, group")                                           \
  X(110, getppid, "")                                                     \
  X(111, getpgrp, "")                                                     \
  X(112, setsid, "")                                                      \
  X(113, setreuid, "real, effective")                                     \
  X(114, setregid, "real, effective")                                     \
  X(115, getgroups, "room, groups")                                       \
  X(116, setgroups, "count, groups")                                      \
  X(117, setresuid, "real, effective, saved")                             \
  X(118, getresuid, "real, effective, saved")                             \
  X(119, setresgid, "real, effective, saved")                             \
  X(120, getresgid, "real, effective, saved")                             \
  X(121, getpgid, "pid")                                                  \
  X(122, setfsuid, "user")                                                \
  X(123, setfsgid, "group")                                               \
  X(124, getsid, "pid")                                                   \
  X(127, rt_sigpending, "set, mask_size")                                 \
  X(128, rt_sigtimedwait, "set, info, timeout, mask_size")                \
  X(129, rt_sigqueueinfo, "pid, signal, info")                            \
  X(130, rt_sigsuspend, "mask, mask_size")                                \
  X(131, sigaltstack, "stack, old_stack")                                 \
  X(132, utime, "path, times")                                            \
  X(133, mknod, "path, mode, device")                                     \
  X(137, statfs, "path, result")                                          \
  X(138, fstatfs, "fd, result")                                           \
  X(140, getpriority, "which, who")                                       \
  X(141, setpriority, "which, who, niceness")                             \
  X(157, prctl, "operation, argument")                                    \
  X(158, arch_prctl, "code, address")                                     \
  X(160, setrlimit, "kind, limit")                                        \
  X(161, chroot, "path")                                                  \
  X(162, sync, "")                                                        \
  X(165, mount, "source, target, type, flags, data")                      \
  X(166, umount2, "target, flags")                                        \
  X(169, reboot, "magic, second_magic, operation, words")                 \
  X(186, gettid, "")                                                      \
  X(200, tkill, "tid, signal")                                            \
  X(201, time, "time")                                                    \
  X(202, futex, "word, operation, value, timeout, word2, value3")         \
  X(203, sched_setaffinity, "tid, size, cpus")                            \
  X(204, sched_getaffinity, "tid, size, cpus")                            \
  X(213, epoll_create, "size")                                            \
  X(217, getdents64, "fd, buffer, size")                                  \
  X(218, set_tid_address, "address")                                      \
  X(221, fadvise64, "fd, offset, length, advice")                         \
  X(228, clock_gettime, "clock, time")                                    \
  X(230, clock_nanosleep, "clock, flags, request, remaining")             \
  X(231, exit_group, "status")                                            \
  X(232, epoll_wait, "fd, events, count, timeout_ms")                     \
  X(233, epoll_ctl, "fd, operation, watched, event")                      \
  X(234, tgkill, "pid, tid, signal")                                      \
  X(235, utimes, "path, times")                                           \
  X(247, waitid, "type, id, info, options, usage")                        \
  X(257, openat, "dirfd, path, flags, mode")                              \
  X(258, mkdirat, "dirfd, path, mode")                                    \
  X(259, mknodat, "dirfd, path, mode, device")                            \
  X(260, fchownat, "dirfd, path, owner, group, flags")                    \
  X(261, futimesat, "dirfd, path, times")                                 \
  X(262, newfstatat, "dirfd, path, result, flags")                        \
  X(263, unlinkat, "dirfd, path, flags")                                  \
  X(264, renameat, "from_dirfd, from, to_dirfd, to")                      \
  X(265, linkat, "from_dirfd, from, to_dirfd, to, flags")                 \
  X(266, symlinkat, "target, dirfd, path")                                \
  X(267, readlinkat, "dirfd, path, buffer, size")                         \
  X(268, fchmodat, "dirfd, path, mode")                                   \
  X(269, faccessat, "dirfd, path, mode")                                  \
  X(270, pselect6, "count, read, write, exceptional, timeout, mask")      \
  X(271, ppoll, "fds, count, timeout, mask, mask_size")                   \
  X(273, set_robust_list, "head, size")                                   \
  X(274, get_robust_list, "tid, head, size")                              \
  X(280, utimensat, "dirfd, path, times, flags")                          \
  X(281, epoll_pwait, "fd, events, count, timeout_ms, mask, mask_size")   \
  X(283, timerfd_create, "clock, flags")                                  \
  X(284, eventfd, "value")                                                \
  X(286, timerfd_settime, "fd, flags, times, old_times")                  \
  X(287, timerfd_gettime, "fd, times")                                    \
  X(288, accept4, "fd, address, size, flags")                             \
  X(290, eventfd2, "value, flags")                                        \
  X(291, epoll_create1, "flags")                                          \
  X(292, dup3, "from, to, flags")                                         \
  X(293, pipe2, "fds, flags")                                             \
  X(295, preadv, "fd, vector, count, offset")                             \
  X(296, pwritev, "fd, vector, count, offset")                            \
  X(297, rt_tgsigqueueinfo, "pid, tid, signal, info")                     \
  X(302, prlimit64, "pid, kind, limit, old_limit")                        \
  X(306, syncfs, "fd")                                                    \
  X(316, renameat2, "from_dirfd, from, to_dirfd, to, flags")              \
  X(318, getrandom, "buffer, size, flags")                                \
  X(322, execveat, "dirfd, path, arguments, environment, flags")          \
  X(324, membarrier, "command, flags, cpu")                               \
  X(326, copy_file_range, "in, in_offset, out, out_offset, count, flags") \
  X(332, statx, "dirfd, path, flags, wanted, result")                     \
  X(436, close_range, "first, last, flags")                               \
  X(439, faccessat2, "dirfd, path, mode, flags")                          \
  X(441, epoll_pwait2, "fd, events, count, timeout, mask, mask_size")

namespace cairn {

using SyscallHandler = int64_t (*)(TrapFrame& call);
inline constexpr uint64_t kSyscallLimit = kAllCalls;

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
