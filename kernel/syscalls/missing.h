// What the calls of table.h lack of Linux's, flag by flag, and what programs see where they ask for it: an error, never
// a false success. A call that isn't named here has all that Linux's has; one that isn't in table.h is ENOSYS.
//
// handouts/system-calls.md is made from this, table.h and needed.tsv (python3 grading calls --write), and
// user/tests/call_table.c makes each of these calls on Cairn and compares. That program has what the arguments name:
// descriptors (`file`, `folder`, `terminal`, `pipe_end`, `socket_end`), a message that would send its receiver
// to itself (`itself`), a mounted folder in use ("busy"), a page of zeros (`page`).
#pragma once

// X(call, "what is missing", error, (arguments that ask for it))
#define CAIRN_MISSING(X)                                                                           \
  X(open, "O_TMPFILE", EOPNOTSUPP, (".", O_TMPFILE | O_RDWR, 0600))                                \
  X(mmap, "MAP_32BIT", EINVAL, (0, 4096, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0))       \
  X(mmap, "MAP_GROWSDOWN", EINVAL,                                                                 \
    (0, 4096, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0))                              \
  X(mmap, "MAP_SYNC", EOPNOTSUPP, (0, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, file, 0))   \
  X(mmap, "PROT_SEM", EINVAL, (0, 4096, 8, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))                    \
  X(mprotect, "PROT_GROWSDOWN", EINVAL, (page, 4096, PROT_READ | PROT_GROWSDOWN))                  \
  X(mprotect, "PROT_GROWSUP", EINVAL, (page, 4096, PROT_READ | PROT_GROWSUP))                      \
  X(mprotect, "PROT_SEM", EINVAL, (page, 4096, PROT_READ | 8))                                     \
  X(ioctl, "FIOASYNC", ENOTTY, (terminal, FIOASYNC, page))                                         \
  X(ioctl, "FS_IOC_GETFLAGS and others of file systems", ENOTTY, (file, 0x80086601, page))         \
  X(ioctl, "TIOCSTI", ENOTTY, (terminal, TIOCSTI, "x"))                                            \
  X(ioctl, "TIOCEXCL", ENOTTY, (terminal, TIOCEXCL, 0))                                            \
  X(socket, "AF_INET and every family but AF_UNIX", EAFNOSUPPORT, (2, 1, 0))                       \
  X(sendto, "MSG_OOB", EOPNOTSUPP, (socket_end, "x", 1, 1))                                        \
  X(sendmsg, "SCM_RIGHTS that might make sockets hold each other", ETOOMANYREFS,                   \
    (socket_end, &itself, 0))                                                                      \
  X(recvfrom, "MSG_OOB", EOPNOTSUPP, (socket_end, page, 1, 1))                                     \
  X(setsockopt, "SO_RCVTIMEO, SO_SNDTIMEO", ENOPROTOOPT, (socket_end, 1, 20, page, 16))            \
  X(setsockopt, "SO_PEEK_OFF, SO_RCVLOWAT and all others", ENOPROTOOPT,                            \
    (socket_end, 1, 42, page, 4))                                                                  \
  X(clone, "CLONE_THREAD of what doesn't share all", ENOSYS,                                       \
    (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, page))                                               \
  X(clone, "CLONE_THREAD with CLONE_VFORK", ENOSYS,                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK, page))        \
  X(clone, "CLONE_FILES, CLONE_FS, CLONE_SIGHAND of a process", ENOSYS,                            \
    (CLONE_FILES | SIGCHLD, 0))                                                                    \
  X(clone, "CLONE_PARENT", ENOSYS, (CLONE_PARENT | SIGCHLD, 0))                                    \
  X(clone, "CLONE_PIDFD", ENOSYS, (CLONE_PIDFD | SIGCHLD, 0, page))                                \
  X(clone, "CLONE_NEWNS and other namespaces", EINVAL, (CLONE_NEWNS | SIGCHLD, 0))                 \
  X(clone, "another signal than SIGCHLD", ENOSYS, (SIGUSR1, 0))                                    \
  X(fcntl, "F_SETFL with O_ASYNC", EINVAL, (terminal, F_SETFL, O_ASYNC))                           \
  X(fcntl, "F_SETOWN", EINVAL, (terminal, F_SETOWN, 1))                                            \
  X(fcntl, "F_GETOWN", EINVAL, (terminal, F_GETOWN, 0))                                            \
  X(fcntl, "F_SETSIG", EINVAL, (terminal, F_SETSIG, 0))                                            \
  X(fcntl, "F_SETLEASE", EINVAL, (file, F_SETLEASE, F_UNLCK))                                      \
  X(fcntl, "F_NOTIFY", EINVAL, (folder, F_NOTIFY, DN_CREATE))                                      \
  X(fcntl, "F_SETPIPE_SZ", EINVAL, (pipe_end, F_SETPIPE_SZ, 65536))                                \
  X(fcntl, "F_OFD_SETLK, F_OFD_SETLKW, F_OFD_GETLK", EINVAL, (file, F_OFD_SETLK, page))            \
  X(fcntl, "F_GET_SEALS, F_ADD_SEALS", EINVAL, (file, F_GET_SEALS, 0))                             \
  X(fcntl, "F_GET_RW_HINT and the others of its kind", EINVAL, (file, F_GET_RW_HINT, page))        \
  X(syslog, "SYSLOG_ACTION_READ", ENOSYS, (2, page, 16))                                           \
  X(syslog, "SYSLOG_ACTION_SIZE_UNREAD", ENOSYS, (9))                                              \
  X(syslog, "SYSLOG_ACTION_CONSOLE_OFF, _ON", ENOSYS, (6))                                         \
  X(prctl, "PR_SET_DUMPABLE", EINVAL, (PR_SET_DUMPABLE, 1))                                        \
  X(prctl, "PR_SET_NO_NEW_PRIVS", EINVAL, (PR_SET_NO_NEW_PRIVS, 1))                                \
  X(prctl, "PR_SET_SECCOMP", EINVAL, (PR_SET_SECCOMP, 1))                                          \
  X(prctl, "PR_SET_KEEPCAPS and all of capabilities", EINVAL, (PR_SET_KEEPCAPS, 1))                \
  X(prctl, "PR_SET_TIMERSLACK and all others", EINVAL, (PR_SET_TIMERSLACK, 1))                     \
  X(arch_prctl, "ARCH_SET_GS", EINVAL, (0x1001, page))                                             \
  X(arch_prctl, "ARCH_GET_GS", EINVAL, (0x1004, page))                                             \
  X(arch_prctl, "ARCH_GET_CPUID and all others", EINVAL, (0x1011))                                 \
  X(mount, "MS_REMOUNT", EINVAL, (0, "busy", 0, MS_REMOUNT, 0))                                    \
  X(mount, "MS_BIND", EINVAL, (".", "busy", 0, MS_BIND, 0))                                        \
  X(mount, "MS_MOVE", EINVAL, ("busy", ".", 0, MS_MOVE, 0))                                        \
  X(mount, "MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE", EINVAL, (0, "busy", 0, MS_PRIVATE))   \
  X(mount, "MS_NOSUID, MS_NODEV, MS_NOEXEC", EINVAL, ("none", ".", "tmpfs", MS_NOSUID))            \
  X(mount, "MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK", EINVAL,                                      \
    ("none", ".", "tmpfs", MS_SYNCHRONOUS))                                                        \
  X(umount2, "MNT_DETACH of what is in use", EBUSY, ("busy", MNT_DETACH))                          \
  X(umount2, "MNT_EXPIRE", EINVAL, ("busy", MNT_EXPIRE))                                           \
  X(reboot, "LINUX_REBOOT_CMD_KEXEC", EINVAL, (0xfee1dead, 672274793, 0x45584543))                 \
  X(reboot, "LINUX_REBOOT_CMD_SW_SUSPEND", EINVAL, (0xfee1dead, 672274793, 0xd000fce2))            \
  X(setrlimit, "RLIMIT_NOFILE above 1024", EPERM, (RLIMIT_NOFILE, (&(struct rlimit){4096, 4096}))) \
  X(futex, "FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI", ENOSYS,             \
    (page, 6, 0, 0, 0, 0))                                                                         \
  X(futex, "FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI", ENOSYS, (page, 11, 0, 0, page, 0))       \
  X(clock_gettime, "clocks of other processes and threads", EINVAL, (-14, page))                   \
  X(clock_gettime, "CLOCK_TAI", EINVAL, (CLOCK_TAI, page))                                         \
  X(clock_gettime, "CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM", EINVAL, (8, page))                \
  X(clock_nanosleep, "CLOCK_PROCESS_CPUTIME_ID", ENOSYS, (CLOCK_PROCESS_CPUTIME_ID, 0, page))      \
  X(clock_nanosleep, "CLOCK_TAI, and the alarms", EINVAL, (CLOCK_TAI, 0, page))                    \
  X(close_range, "CLOSE_RANGE_UNSHARE", EINVAL, (500, 600, 2))                                     \
  X(madvise, "MADV_REMOVE", EINVAL, (page, 4096, 9))                                               \
  X(madvise, "MADV_DONTFORK, MADV_DOFORK", EINVAL, (page, 4096, 10))                               \
  X(madvise, "MADV_MERGEABLE, MADV_UNMERGEABLE", EINVAL, (page, 4096, 12))                         \
  X(madvise, "MADV_WIPEONFORK, MADV_KEEPONFORK", EINVAL, (page, 4096, 18))                         \
  X(madvise, "MADV_POPULATE_READ, MADV_POPULATE_WRITE", EINVAL, (page, 4096, 22))                  \
  X(mremap, "MREMAP_DONTUNMAP", EINVAL, (page, 4096, 4096, 5))                                     \
  X(mremap, "a second view of shared memory (length 0)", EINVAL, (page, 0, 4096, 1))               \
  X(timerfd_create, "CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM", EINVAL, (8, 0))                  \
  X(timerfd_settime, "TFD_TIMER_CANCEL_ON_SET", EINVAL, (3, 3, page, 0))                           \
  X(waitid, "P_PIDFD", EINVAL, (3, 1, page, WEXITED))                                              \
  X(openat, "O_TMPFILE", EOPNOTSUPP, (AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0600))                    \
  X(pipe2, "O_DIRECT: packets", EINVAL, (page, O_DIRECT))                                          \
  X(pipe2, "O_NOTIFICATION_PIPE", EINVAL, (page, O_EXCL))                                          \
  X(prlimit64, "RLIMIT_NOFILE above 1024", EPERM,                                                  \
    (0, RLIMIT_NOFILE, (&(struct rlimit){4096, 4096})))                                            \
  X(renameat2, "RENAME_EXCHANGE", EINVAL, (AT_FDCWD, "file", AT_FDCWD, "other", 2))                \
  X(renameat2, "RENAME_WHITEOUT", EINVAL, (AT_FDCWD, "file", AT_FDCWD, "third", 4))                \
  X(membarrier, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE and _RSEQ", EINVAL, (32, 0, 0))
