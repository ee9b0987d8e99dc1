// Which kinds of arguments each system call has, in the order of syscalls/table.h. Every call of that table has its line
// here, with as many kinds as it has arguments: call_shapes.cc doesn't compile otherwise.
#pragma once

#include "syscalls/decode/argument_kind.h"
#include "syscalls/decode/memory_flag_names.h"

namespace cairn {

struct CallShape {
  const char* name;
  std::span<const ArgumentKind> arguments;
  bool returns_address = false;
};

/// By number; null for what is no call of the table.
const CallShape* shape_of(uint64_t number);

namespace argument_kind {

inline constexpr ArgumentKind kInt{show_int}, kLong{show_long}, kSize{show_size};
inline constexpr ArgumentKind kHex{show_hexadecimal}, kAddress{show_address}, kMode{show_octal};
inline constexpr ArgumentKind kCreateMode{show_create_mode};
inline constexpr ArgumentKind kDir{show_directory}, kId{show_id}, kDevice{show_device};
inline constexpr ArgumentKind kSignal{show_signal};
template <const auto& kNames>
inline constexpr ArgumentKind kFlags{show_flags<kNames>};
template <const auto& kNames>
inline constexpr ArgumentKind kOneOf{show_value<kNames>};
/// What the call stores, once it has.
template <ShowArgument kShow>
inline constexpr ArgumentKind kStored{kShow, true};

inline constexpr ArgumentKind kPath{show_path}, kBytes{show_bytes}, kVector{show_vector};
inline constexpr ArgumentKind kStrings{show_strings}, kEnvironment{show_string_count};
inline constexpr ArgumentKind kTimespec{show_timespec}, kTimeval{show_timeval};
inline constexpr ArgumentKind kTwoTimespecs{show_two_timespecs}, kTwoTimevals{show_two_timevals};
inline constexpr ArgumentKind kTwoSeconds{show_two_seconds}, kTimer{show_timer};
inline constexpr ArgumentKind kSignalSet{show_signal_set}, kMaskAndSize{show_mask_and_size};
inline constexpr ArgumentKind kAction{show_action}, kSignalStack{show_signal_stack};
inline constexpr ArgumentKind kSignalInfo{show_signal_info}, kIds{show_ids}, kLimit{show_limit};
inline constexpr ArgumentKind kPollFds{show_poll_events, false, show_poll_results};
inline constexpr ArgumentKind kFdSet{show_descriptor_set, false, show_descriptor_results};
inline constexpr ArgumentKind kWatchedEvent{show_watched_event};
inline constexpr ArgumentKind kFoundEvents{show_found_events, true};
inline constexpr ArgumentKind kTimerSpec{show_timer_spec}, kLongAt{show_long_at};
inline constexpr ArgumentKind kFcntlArgument{show_fcntl_argument};
inline constexpr ArgumentKind kPrctlArgument{show_prctl_argument, true};
inline constexpr ArgumentKind kIoctlArgument{show_ioctl_argument, true};
inline constexpr ArgumentKind kFutexTime{show_futex_time}, kCpuSet{show_address_at};

}  // namespace argument_kind

// X(name, kinds…)
#define CAIRN_CALL_SHAPES(X)                                                                      \
  X(read, kInt, kStored<show_bytes_read>, kSize)                                                  \
  X(write, kInt, kBytes, kSize)                                                                   \
  X(open, kPath, kFlags<kOpenNames>, kCreateMode)                                                 \
  X(close, kInt)                                                                                  \
  X(stat, kPath, kStored<show_stat>)                                                              \
  X(fstat, kInt, kStored<show_stat>)                                                              \
  X(lstat, kPath, kStored<show_stat>)                                                             \
  X(poll, kPollFds, kSize, kInt)                                                                  \
  X(lseek, kInt, kLong, kOneOf<kWhenceNames>)                                                     \
  X(mmap, kAddress, kSize, kFlags<kProtectionNames>, kFlags<kMapNames>, kInt, kHex)               \
  X(mprotect, kAddress, kSize, kFlags<kProtectionNames>)                                          \
  X(munmap, kAddress, kSize)                                                                      \
  X(brk, kAddress)                                                                                \
  X(rt_sigaction, kSignal, kAction, kStored<show_action>, kSize)                                  \
  X(rt_sigprocmask, kOneOf<kMaskChangeNames>, kSignalSet, kStored<show_signal_set>, kSize)        \
  X(rt_sigreturn)                                                                                 \
  X(ioctl, kInt, kOneOf<kIoctlNames>, kIoctlArgument)                                             \
  X(pread64, kInt, kStored<show_bytes_read>, kSize, kLong)                                        \
  X(pwrite64, kInt, kBytes, kSize, kLong)                                                         \
  X(readv, kInt, kStored<show_vector_read>, kInt)                                                 \
  X(writev, kInt, kVector, kInt)                                                                  \
  X(access, kPath, kFlags<kAccessNames>)                                                          \
  X(pipe, kStored<show_two_ints>)                                                                 \
  X(select, kInt, kFdSet, kFdSet, kFdSet, kTimeval)                                               \
  X(sched_yield)                                                                                  \
  X(mremap, kAddress, kSize, kSize, kFlags<kRemapNames>, kAddress)                                \
  X(msync, kAddress, kSize, kFlags<kSyncNames>)                                                   \
  X(mincore, kAddress, kSize, kAddress)                                                           \
  X(madvise, kAddress, kSize, kOneOf<kAdviceNames>)                                               \
  X(dup, kInt)                                                                                    \
  X(dup2, kInt, kInt)                                                                             \
  X(pause)                                                                                        \
  X(nanosleep, kTimespec, kAddress)                                                               \
  X(getitimer, kOneOf<kTimerNames>, kStored<show_timer>)                                          \
  X(alarm, kSize)                                                                                 \
  X(setitimer, kOneOf<kTimerNames>, kTimer, kStored<show_timer>)                                  \
  X(getpid)                                                                                       \
  X(sendfile, kInt, kInt, kStored<show_long_at>, kSize)                                           \
  X(socket, kOneOf<kFamilyNames>, kFlags<kSocketTypeNames>, kInt)                                 \
  X(connect, kInt, kAddress, kInt)                                                                \
  X(accept, kInt, kAddress, kAddress)                                                             \
  X(sendto, kInt, kBytes, kSize, kFlags<kMessageNames>, kAddress, kInt)                           \
  X(recvfrom, kInt, kStored<show_bytes_read>, kSize, kFlags<kMessageNames>, kAddress, kAddress)   \
  X(sendmsg, kInt, kAddress, kFlags<kMessageNames>)                                               \
  X(recvmsg, kInt, kAddress, kFlags<kMessageNames>)                                               \
  X(shutdown, kInt, kOneOf<kShutdownNames>)                                                       \
  X(bind, kInt, kAddress, kInt)                                                                   \
  X(listen, kInt, kInt)                                                                           \
  X(getsockname, kInt, kAddress, kAddress)                                                        \
  X(getpeername, kInt, kAddress, kAddress)                                                        \
  X(socketpair, kOneOf<kFamilyNames>, kFlags<kSocketTypeNames>, kInt, kStored<show_two_ints>)     \
  X(setsockopt, kInt, kInt, kOneOf<kSocketOptionNames>, kAddress, kInt)                           \
  X(getsockopt, kInt, kInt, kOneOf<kSocketOptionNames>, kAddress, kAddress)                       \
  X(clone, kFlags<kCloneNames>, kAddress, kAddress, kAddress, kHex)                               \
  X(fork)                                                                                         \
  X(vfork)                                                                                        \
  X(execve, kPath, kStrings, kEnvironment)                                                        \
  X(exit, kInt)                                                                                   \
  X(wait4, kInt, kStored<show_wait_status>, kFlags<kWaitNames>, kStored<show_usage>)              \
  X(kill, kInt, kSignal)                                                                          \
  X(uname, kStored<show_system_names>)                                                            \
  X(fcntl, kInt, kOneOf<kFcntlNames>, kFcntlArgument)                                             \
  X(fsync, kInt)                                                                                  \
  X(fdatasync, kInt)                                                                              \
  X(truncate, kPath, kLong)                                                                       \
  X(ftruncate, kInt, kLong)                                                                       \
  X(getcwd, kStored<show_string_result>, kSize)                                                   \
  X(chdir, kPath)                                                                                 \
  X(fchdir, kInt)                                                                                 \
  X(rename, kPath, kPath)                                                                         \
  X(mkdir, kPath, kMode)                                                                          \
  X(rmdir, kPath)                                                                                 \
  X(creat, kPath, kMode)                                                                          \
  X(link, kPath, kPath)                                                                           \
  X(unlink, kPath)                                                                                \
  X(symlink, kPath, kPath)                                                                        \
  X(readlink, kPath, kStored<show_bytes_read>, kSize)                                             \
  X(chmod, kPath, kMode)                                                                          \
  X(fchmod, kInt, kMode)                                                                          \
  X(chown, kPath, kId, kId)                                                                       \
  X(fchown, kInt, kId, kId)                                                                       \
  X(lchown, kPath, kId, kId)                                                                      \
  X(umask, kMode)                                                                                 \
  X(gettimeofday, kStored<show_timeval>, kAddress)                                                \
  X(getrlimit, kOneOf<kLimitNames>, kStored<show_limit>)                                          \
  X(getrusage, kOneOf<kUsageNames>, kStored<show_usage>)                                          \
  X(sysinfo, kStored<show_system_info>)                                                           \
  X(times, kStored<show_process_times>)                                                           \
  X(getuid)                                                                                       \
  X(syslog, kOneOf<kLogNames>, kAddress, kInt)                                                    \
  X(getgid)                                                                                       \
  X(setuid, kId)                                                                                  \
  X(setgid, kId)                                                                                  \
  X(geteuid)                                                                                      \
  X(getegid)                                                                                      \
  X(setpgid, kInt, kInt)                                                                          \
  X(getppid)                                                                                      \
  X(getpgrp)                                                                                      \
  X(setsid)                                                                                       \
  X(setreuid, kId, kId)                                                                           \
  X(setregid, kId, kId)                                                                           \
  X(getgroups, kInt, kStored<show_ids_read>)                                                      \
  X(setgroups, kSize, kIds)                                                                       \
  X(setresuid, kId, kId, kId)                                                                     \
  X(getresuid, kStored<show_int_at>, kStored<show_int_at>, kStored<show_int_at>)                  \
  X(setresgid, kId, kId, kId)                                                                     \
  X(getresgid, kStored<show_int_at>, kStored<show_int_at>, kStored<show_int_at>)                  \
  X(getpgid, kInt)                                                                                \
  X(setfsuid, kId)                                                                                \
  X(setfsgid, kId)                                                                                \
  X(getsid, kInt)                                                                                 \
  X(rt_sigpending, kStored<show_signal_set>, kSize)                                               \
  X(rt_sigtimedwait, kSignalSet, kStored<show_signal_info>, kTimespec, kSize)                     \
  X(rt_sigqueueinfo, kInt, kSignal, kSignalInfo)                                                  \
  X(rt_sigsuspend, kSignalSet, kSize)                                                             \
  X(sigaltstack, kSignalStack, kStored<show_signal_stack>)                                        \
  X(utime, kPath, kTwoSeconds)                                                                    \
  X(mknod, kPath, kMode, kDevice)                                                                 \
  X(statfs, kPath, kStored<show_statfs>)                                                          \
  X(fstatfs, kInt, kStored<show_statfs>)                                                          \
  X(getpriority, kOneOf<kPriorityNames>, kInt)                                                    \
  X(setpriority, kOneOf<kPriorityNames>, kInt, kInt)                                              \
  X(prctl, kOneOf<kPrctlNames>, kPrctlArgument)                                                   \
  X(arch_prctl, kOneOf<kArchPrctlNames>, kAddress)                                                \
  X(setrlimit, kOneOf<kLimitNames>, kLimit)                                                       \
  X(chroot, kPath)                                                                                \
  X(sync)                                                                                         \
  X(mount, kPath, kPath, kPath, kFlags<kMountNames>, kAddress)                                    \
  X(umount2, kPath, kFlags<kUnmountNames>)                                                        \
  X(reboot, kOneOf<kRebootMagicNames>, kOneOf<kRebootMagicNames>, kOneOf<kRebootNames>, kAddress) \
  X(gettid)                                                                                       \
  X(tkill, kInt, kSignal)                                                                         \
  X(time, kStored<show_seconds>)                                                                  \
  X(futex, kAddress, kFlags<kFutexNames>, kInt, kFutexTime, kAddress, kHex)                       \
  X(sched_setaffinity, kInt, kSize, kCpuSet)                                                      \
  X(sched_getaffinity, kInt, kSize, kStored<show_address_at>)                                     \
  X(epoll_create, kInt)                                                                           \
  X(getdents64, kInt, kStored<show_entries>, kSize)                                               \
  X(set_tid_address, kAddress)                                                                    \
  X(fadvise64, kInt, kLong, kSize, kOneOf<kFileAdviceNames>)                                      \
  X(clock_gettime, kOneOf<kClockNames>, kStored<show_timespec>)                                   \
  X(clock_nanosleep, kOneOf<kClockNames>, kFlags<kSleepNames>, kTimespec, kAddress)               \
  X(exit_group, kInt)                                                                             \
  X(epoll_wait, kInt, kFoundEvents, kInt, kInt)                                                   \
  X(epoll_ctl, kInt, kOneOf<kEpollNames>, kInt, kWatchedEvent)                                    \
  X(tgkill, kInt, kInt, kSignal)                                                                  \
  X(utimes, kPath, kTwoTimevals)                                                                  \
  X(waitid, kOneOf<kWaitTypeNames>, kInt, kStored<show_signal_info>, kFlags<kWaitNames>,          \
    kStored<show_usage>)                                                                          \
  X(openat, kDir, kPath, kFlags<kOpenNames>, kCreateMode)                                         \
  X(mkdirat, kDir, kPath, kMode)                                                                  \
  X(mknodat, kDir, kPath, kMode, kDevice)                                                         \
  X(fchownat, kDir, kPath, kId, kId, kFlags<kAtNames>)                                            \
  X(futimesat, kDir, kPath, kTwoTimevals)                                                         \
  X(newfstatat, kDir, kPath, kStored<show_stat>, kFlags<kAtNames>)                                \
  X(unlinkat, kDir, kPath, kFlags<kUnlinkNames>)                                                  \
  X(renameat, kDir, kPath, kDir, kPath)                                                           \
  X(linkat, kDir, kPath, kDir, kPath, kFlags<kAtNames>)                                           \
  X(symlinkat, kPath, kDir, kPath)                                                                \
  X(readlinkat, kDir, kPath, kStored<show_bytes_read>, kSize)                                     \
  X(fchmodat, kDir, kPath, kMode)                                                                 \
  X(faccessat, kDir, kPath, kFlags<kAccessNames>)                                                 \
  X(pselect6, kInt, kFdSet, kFdSet, kFdSet, kTimespec, kMaskAndSize)                              \
  X(ppoll, kPollFds, kSize, kTimespec, kSignalSet, kSize)                                         \
  X(set_robust_list, kAddress, kSize)                                                             \
  X(get_robust_list, kInt, kStored<show_address_at>, kStored<show_long_at>)                       \
  X(utimensat, kDir, kPath, kTwoTimespecs, kFlags<kAtNames>)                                      \
  X(epoll_pwait, kInt, kFoundEvents, kInt, kInt, kSignalSet, kSize)                               \
  X(timerfd_create, kOneOf<kClockNames>, kFlags<kDescriptorNames>)                                \
  X(eventfd, kSize)                                                                               \
  X(timerfd_settime, kInt, kFlags<kTimerFdNames>, kTimerSpec, kStored<show_timer_spec>)           \
  X(timerfd_gettime, kInt, kStored<show_timer_spec>)                                              \
  X(accept4, kInt, kAddress, kAddress, kFlags<kSocketTypeNames>)                                  \
  X(eventfd2, kSize, kFlags<kEventNames>)                                                         \
  X(epoll_create1, kFlags<kDescriptorNames>)                                                      \
  X(dup3, kInt, kInt, kFlags<kDescriptorNames>)                                                   \
  X(pipe2, kStored<show_two_ints>, kFlags<kDescriptorNames>)                                      \
  X(preadv, kInt, kStored<show_vector_read>, kInt, kLong)                                         \
  X(pwritev, kInt, kVector, kInt, kLong)                                                          \
  X(rt_tgsigqueueinfo, kInt, kInt, kSignal, kSignalInfo)                                          \
  X(prlimit64, kInt, kOneOf<kLimitNames>, kLimit, kStored<show_limit>)                            \
  X(syncfs, kInt)                                                                                 \
  X(renameat2, kDir, kPath, kDir, kPath, kFlags<kRenameNames>)                                    \
  X(getrandom, kStored<show_bytes_read>, kSize, kFlags<kRandomNames>)                             \
  X(execveat, kDir, kPath, kStrings, kEnvironment, kFlags<kAtNames>)                              \
  X(membarrier, kOneOf<kBarrierNames>, kHex, kInt)                                                \
  X(copy_file_range, kInt, kLongAt, kInt, kLongAt, kSize, kHex)                                   \
  X(statx, kDir, kPath, kFlags<kAtNames>, kFlags<kStatxNames>, kStored<show_statx>)               \
  X(close_range, kSize, kSize, kFlags<kCloseRangeNames>)                                          \
  X(faccessat2, kDir, kPath, kFlags<kAccessNames>, kFlags<kAccessAtNames>)                        \
  X(epoll_pwait2, kInt, kFoundEvents, kInt, kTimespec, kSignalSet, kSize)

}  // namespace cairn
