// The names of flags and of values that arguments can have.
// Sources: Linux, include/uapi/asm-generic/{fcntl,mman-common,ioctls,resource,poll}.h; include/uapi/linux/{fcntl,
// futex,sched,wait,time,prctl,mount,reboot,random,fs}.h; arch/x86/include/uapi/asm/{prctl,signal}.h.
#pragma once

#include <cstdint>
#include <span>

#include "syscalls/decode/argument_kind.h"

namespace cairn {

/// It is set where the bits of `mask` are `bits`.
struct FlagName {
  uint64_t bits;
  const char* name;
  uint64_t mask = bits;
};

/// A|B|0x40: each name whose bits are set, and the rest as a number.
void write_flags(BufferWriter& out, uint64_t value, std::span<const FlagName> names);
/// The name of a value, or the number.
void write_value(BufferWriter& out, uint64_t value, std::span<const FlagName> names);

template <const auto& kNames>
void show_flags(BufferWriter& out, const CallView& call, unsigned index) {
  write_flags(out, uint32_t(call.arguments[index]), kNames);
}
template <const auto& kNames>
void show_value(BufferWriter& out, const CallView& call, unsigned index) {
  write_value(out, uint32_t(call.arguments[index]), kNames);
}

inline constexpr FlagName kOpenNames[] = {
    {0, "O_RDONLY", 3},       {1, "O_WRONLY", 3},       {2, "O_RDWR", 3},
    {0100, "O_CREAT"},        {0200, "O_EXCL"},         {0400, "O_NOCTTY"},
    {01000, "O_TRUNC"},       {02000, "O_APPEND"},      {04000, "O_NONBLOCK"},
    {04010000, "O_SYNC"},     {010000, "O_DSYNC"},      {020000, "O_ASYNC"},
    {040000, "O_DIRECT"},     {0100000, "O_LARGEFILE"}, {020200000, "O_TMPFILE"},
    {0200000, "O_DIRECTORY"}, {0400000, "O_NOFOLLOW"},  {01000000, "O_NOATIME"},
    {02000000, "O_CLOEXEC"},  {010000000, "O_PATH"}};
/// Those of open files and pipes, which aren't about reading or writing.
inline constexpr FlagName kDescriptorNames[] = {
    {04000, "O_NONBLOCK"}, {040000, "O_DIRECT"}, {02000000, "O_CLOEXEC"}};
inline constexpr FlagName kCloseOnExecNames[] = {{1, "FD_CLOEXEC"}};
inline constexpr FlagName kAccessNames[] = {{0, "F_OK", 7}, {4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
inline constexpr FlagName kAtNames[] = {
    {0x100, "AT_SYMLINK_NOFOLLOW"},  {0x400, "AT_SYMLINK_FOLLOW"},   {0x800, "AT_NO_AUTOMOUNT"},
    {0x2000, "AT_STATX_FORCE_SYNC"}, {0x4000, "AT_STATX_DONT_SYNC"}, {0x1000, "AT_EMPTY_PATH"}};
inline constexpr FlagName kAccessAtNames[] = {
    {0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_EACCESS"}, {0x1000, "AT_EMPTY_PATH"}};
inline constexpr FlagName kUnlinkNames[] = {{0x200, "AT_REMOVEDIR"}};
inline constexpr FlagName kRenameNames[] = {
    {1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}};
inline constexpr FlagName kWhenceNames[] = {
    {0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
inline constexpr FlagName kFileAdviceNames[] = {
    {0, "POSIX_FADV_NORMAL"},   {1, "POSIX_FADV_RANDOM"},   {2, "POSIX_FADV_SEQUENTIAL"},
    {3, "POSIX_FADV_WILLNEED"}, {4, "POSIX_FADV_DONTNEED"}, {5, "POSIX_FADV_NOREUSE"}};
inline constexpr FlagName kTimerFdNames[] = {{1, "TFD_TIMER_ABSTIME"},
                                             {2, "TFD_TIMER_CANCEL_ON_SET"}};
inline constexpr FlagName kEpollNames[] = {
    {1, "EPOLL_CTL_ADD"}, {2, "EPOLL_CTL_DEL"}, {3, "EPOLL_CTL_MOD"}};
inline constexpr FlagName kWatchNames[] = {{1, "EPOLLIN"},
                                           {2, "EPOLLPRI"},
                                           {4, "EPOLLOUT"},
                                           {8, "EPOLLERR"},
                                           {0x10, "EPOLLHUP"},
                                           {0x40, "EPOLLRDNORM"},
                                           {0x80, "EPOLLRDBAND"},
                                           {0x100, "EPOLLWRNORM"},
                                           {0x200, "EPOLLWRBAND"},
                                           {0x400, "EPOLLMSG"},
                                           {0x2000, "EPOLLRDHUP"},
                                           {1u << 28, "EPOLLEXCLUSIVE"},
                                           {1u << 29, "EPOLLWAKEUP"},
                                           {1u << 30, "EPOLLONESHOT"},
                                           {1u << 31, "EPOLLET"}};
inline constexpr FlagName kFamilyNames[] = {
    {0, "AF_UNSPEC"}, {1, "AF_UNIX"}, {2, "AF_INET"}, {10, "AF_INET6"}, {16, "AF_NETLINK"}};
inline constexpr FlagName kSocketTypeNames[] = {
    {1, "SOCK_STREAM", 15},    {2, "SOCK_DGRAM", 15},    {3, "SOCK_RAW", 15},
    {5, "SOCK_SEQPACKET", 15}, {04000, "SOCK_NONBLOCK"}, {02000000, "SOCK_CLOEXEC"}};
inline constexpr FlagName kShutdownNames[] = {{0, "SHUT_RD"}, {1, "SHUT_WR"}, {2, "SHUT_RDWR"}};
inline constexpr FlagName kMessageNames[] = {
    {1, "MSG_OOB"},           {2, "MSG_PEEK"},      {0x20, "MSG_TRUNC"},
    {0x40, "MSG_DONTWAIT"},   {0x80, "MSG_EOR"},    {0x100, "MSG_WAITALL"},
    {0x4000, "MSG_NOSIGNAL"}, {0x8000, "MSG_MORE"}, {0x40000000, "MSG_CMSG_CLOEXEC"}};
inline constexpr FlagName kSocketOptionNames[] = {
    {2, "SO_REUSEADDR"}, {3, "SO_TYPE"},        {4, "SO_ERROR"},     {7, "SO_SNDBUF"},
    {8, "SO_RCVBUF"},    {16, "SO_PASSCRED"},   {17, "SO_PEERCRED"}, {20, "SO_RCVTIMEO"},
    {21, "SO_SNDTIMEO"}, {30, "SO_ACCEPTCONN"}, {38, "SO_PROTOCOL"}, {39, "SO_DOMAIN"}};
inline constexpr FlagName kEventNames[] = {
    {1, "EFD_SEMAPHORE"}, {04000, "EFD_NONBLOCK"}, {02000000, "EFD_CLOEXEC"}};
inline constexpr FlagName kCloseRangeNames[] = {{2, "CLOSE_RANGE_UNSHARE"},
                                                {4, "CLOSE_RANGE_CLOEXEC"}};
inline constexpr FlagName kStatxNames[] = {{0x7ff, "STATX_BASIC_STATS"},
                                           {0x800, "STATX_BTIME"},
                                           {0x1000, "STATX_MNT_ID"},
                                           {1, "STATX_TYPE"},
                                           {2, "STATX_MODE"},
                                           {4, "STATX_NLINK"},
                                           {8, "STATX_UID"},
                                           {0x10, "STATX_GID"},
                                           {0x20, "STATX_ATIME"},
                                           {0x40, "STATX_MTIME"},
                                           {0x80, "STATX_CTIME"},
                                           {0x100, "STATX_INO"},
                                           {0x200, "STATX_SIZE"},
                                           {0x400, "STATX_BLOCKS"}};
inline constexpr FlagName kMaskChangeNames[] = {
    {0, "SIG_BLOCK"}, {1, "SIG_UNBLOCK"}, {2, "SIG_SETMASK"}};
inline constexpr FlagName kActionNames[] = {
    {1, "SA_NOCLDSTOP"},          {2, "SA_NOCLDWAIT"},          {4, "SA_SIGINFO"},
    {0x800, "SA_EXPOSE_TAGBITS"}, {0x0400'0000, "SA_RESTORER"}, {0x0800'0000, "SA_ONSTACK"},
    {0x1000'0000, "SA_RESTART"},  {0x4000'0000, "SA_NODEFER"},  {0x8000'0000, "SA_RESETHAND"}};
inline constexpr FlagName kSignalStackNames[] = {
    {1, "SS_ONSTACK"}, {2, "SS_DISABLE"}, {0x8000'0000, "SS_AUTODISARM"}};
inline constexpr FlagName kWaitNames[] = {{1, "WNOHANG"},           {2, "WSTOPPED"},
                                          {4, "WEXITED"},           {8, "WCONTINUED"},
                                          {0x0100'0000, "WNOWAIT"}, {0x2000'0000, "__WNOTHREAD"},
                                          {0x4000'0000, "__WALL"},  {0x8000'0000, "__WCLONE"}};
inline constexpr FlagName kWaitTypeNames[] = {
    {0, "P_ALL"}, {1, "P_PID"}, {2, "P_PGID"}, {3, "P_PIDFD"}};
inline constexpr FlagName kCloneNames[] = {{0x100, "CLONE_VM"},
                                           {0x200, "CLONE_FS"},
                                           {0x400, "CLONE_FILES"},
                                           {0x800, "CLONE_SIGHAND"},
                                           {0x2000, "CLONE_PTRACE"},
                                           {0x4000, "CLONE_VFORK"},
                                           {0x8000, "CLONE_PARENT"},
                                           {0x1'0000, "CLONE_THREAD"},
                                           {0x2'0000, "CLONE_NEWNS"},
                                           {0x4'0000, "CLONE_SYSVSEM"},
                                           {0x8'0000, "CLONE_SETTLS"},
                                           {0x10'0000, "CLONE_PARENT_SETTID"},
                                           {0x20'0000, "CLONE_CHILD_CLEARTID"},
                                           {0x40'0000, "CLONE_DETACHED"},
                                           {0x80'0000, "CLONE_UNTRACED"},
                                           {0x100'0000, "CLONE_CHILD_SETTID"},
                                           {17, "SIGCHLD", 0xff}};
constexpr uint64_t kFutexOperation = 0x7f;
inline constexpr FlagName kFutexNames[] = {{0, "FUTEX_WAIT", kFutexOperation},
                                           {1, "FUTEX_WAKE", kFutexOperation},
                                           {3, "FUTEX_REQUEUE", kFutexOperation},
                                           {4, "FUTEX_CMP_REQUEUE", kFutexOperation},
                                           {5, "FUTEX_WAKE_OP", kFutexOperation},
                                           {6, "FUTEX_LOCK_PI", kFutexOperation},
                                           {7, "FUTEX_UNLOCK_PI", kFutexOperation},
                                           {8, "FUTEX_TRYLOCK_PI", kFutexOperation},
                                           {9, "FUTEX_WAIT_BITSET", kFutexOperation},
                                           {10, "FUTEX_WAKE_BITSET", kFutexOperation},
                                           {0x80, "FUTEX_PRIVATE_FLAG"},
                                           {0x100, "FUTEX_CLOCK_REALTIME"}};
inline constexpr FlagName kBarrierNames[] = {{0, "MEMBARRIER_CMD_QUERY"},
                                             {1, "MEMBARRIER_CMD_GLOBAL"},
                                             {2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"},
                                             {4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"},
                                             {8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"},
                                             {16, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"}};
inline constexpr FlagName kClockNames[] = {
    {0, "CLOCK_REALTIME"},          {1, "CLOCK_MONOTONIC"},     {2, "CLOCK_PROCESS_CPUTIME_ID"},
    {3, "CLOCK_THREAD_CPUTIME_ID"}, {4, "CLOCK_MONOTONIC_RAW"}, {5, "CLOCK_REALTIME_COARSE"},
    {6, "CLOCK_MONOTONIC_COARSE"},  {7, "CLOCK_BOOTTIME"}};
inline constexpr FlagName kSleepNames[] = {{1, "TIMER_ABSTIME"}};
inline constexpr FlagName kTimerNames[] = {
    {0, "ITIMER_REAL"}, {1, "ITIMER_VIRTUAL"}, {2, "ITIMER_PROF"}};
inline constexpr FlagName kUsageNames[] = {
    {0, "RUSAGE_SELF"}, {1, "RUSAGE_THREAD"}, {0xffff'ffff, "RUSAGE_CHILDREN"}};
inline constexpr FlagName kLimitNames[] = {
    {0, "RLIMIT_CPU"},       {1, "RLIMIT_FSIZE"}, {2, "RLIMIT_DATA"},    {3, "RLIMIT_STACK"},
    {4, "RLIMIT_CORE"},      {5, "RLIMIT_RSS"},   {6, "RLIMIT_NPROC"},   {7, "RLIMIT_NOFILE"},
    {8, "RLIMIT_MEMLOCK"},   {9, "RLIMIT_AS"},    {10, "RLIMIT_LOCKS"},  {11, "RLIMIT_SIGPENDING"},
    {12, "RLIMIT_MSGQUEUE"}, {13, "RLIMIT_NICE"}, {14, "RLIMIT_RTPRIO"}, {15, "RLIMIT_RTTIME"}};
inline constexpr FlagName kPriorityNames[] = {
    {0, "PRIO_PROCESS"}, {1, "PRIO_PGRP"}, {2, "PRIO_USER"}};
inline constexpr FlagName kPrctlNames[] = {{1, "PR_SET_PDEATHSIG"},
                                           {2, "PR_GET_PDEATHSIG"},
                                           {3, "PR_GET_DUMPABLE"},
                                           {4, "PR_SET_DUMPABLE"},
                                           {15, "PR_SET_NAME"},
                                           {16, "PR_GET_NAME"},
                                           {22, "PR_SET_SECCOMP"},
                                           {36, "PR_SET_CHILD_SUBREAPER"},
                                           {37, "PR_GET_CHILD_SUBREAPER"},
                                           {38, "PR_SET_NO_NEW_PRIVS"},
                                           {39, "PR_GET_NO_NEW_PRIVS"}};
inline constexpr FlagName kArchPrctlNames[] = {
    {0x1001, "ARCH_SET_GS"}, {0x1002, "ARCH_SET_FS"},    {0x1003, "ARCH_GET_FS"},
    {0x1004, "ARCH_GET_GS"}, {0x1011, "ARCH_GET_CPUID"}, {0x3001, "ARCH_CET_STATUS"}};
inline constexpr FlagName kMountNames[] = {
    {1, "MS_RDONLY"},      {2, "MS_NOSUID"},          {4, "MS_NODEV"},
    {8, "MS_NOEXEC"},      {0x10, "MS_SYNCHRONOUS"},  {0x20, "MS_REMOUNT"},
    {0x40, "MS_MANDLOCK"}, {0x400, "MS_NOATIME"},     {0x800, "MS_NODIRATIME"},
    {0x1000, "MS_BIND"},   {0x2000, "MS_MOVE"},       {0x4000, "MS_REC"},
    {0x8000, "MS_SILENT"}, {0x20'0000, "MS_RELATIME"}};
inline constexpr FlagName kUnmountNames[] = {
    {1, "MNT_FORCE"}, {2, "MNT_DETACH"}, {4, "MNT_EXPIRE"}, {8, "UMOUNT_NOFOLLOW"}};
inline constexpr FlagName kRebootMagicNames[] = {{0xfee1'dead, "LINUX_REBOOT_MAGIC1"},
                                                 {0x2812'1969, "LINUX_REBOOT_MAGIC2"}};
inline constexpr FlagName kRebootNames[] = {
    {0x0123'4567, "LINUX_REBOOT_CMD_RESTART"},   {0xcdef'0123, "LINUX_REBOOT_CMD_HALT"},
    {0x4321'fedc, "LINUX_REBOOT_CMD_POWER_OFF"}, {0xa1b2'c3d4, "LINUX_REBOOT_CMD_RESTART2"},
    {0x89ab'cdef, "LINUX_REBOOT_CMD_CAD_ON"},    {0, "LINUX_REBOOT_CMD_CAD_OFF"}};
inline constexpr FlagName kLogNames[] = {
    {0, "SYSLOG_ACTION_CLOSE"},         {1, "SYSLOG_ACTION_OPEN"},
    {2, "SYSLOG_ACTION_READ"},          {3, "SYSLOG_ACTION_READ_ALL"},
    {4, "SYSLOG_ACTION_READ_CLEAR"},    {5, "SYSLOG_ACTION_CLEAR"},
    {6, "SYSLOG_ACTION_CONSOLE_OFF"},   {7, "SYSLOG_ACTION_CONSOLE_ON"},
    {8, "SYSLOG_ACTION_CONSOLE_LEVEL"}, {9, "SYSLOG_ACTION_SIZE_UNREAD"},
    {10, "SYSLOG_ACTION_SIZE_BUFFER"}};
inline constexpr FlagName kRandomNames[] = {
    {1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, {4, "GRND_INSECURE"}};
inline constexpr FlagName kFcntlNames[] = {{0, "F_DUPFD"},
                                           {1, "F_GETFD"},
                                           {2, "F_SETFD"},
                                           {3, "F_GETFL"},
                                           {4, "F_SETFL"},
                                           {5, "F_GETLK"},
                                           {6, "F_SETLK"},
                                           {7, "F_SETLKW"},
                                           {8, "F_SETOWN"},
                                           {9, "F_GETOWN"},
                                           {1030, "F_DUPFD_CLOEXEC"},
                                           {1031, "F_SETPIPE_SZ"},
                                           {1032, "F_GETPIPE_SZ"}};
inline constexpr FlagName kIoctlNames[] = {
    {0x5401, "TCGETS"},     {0x5402, "TCSETS"},     {0x5403, "TCSETSW"},
    {0x5404, "TCSETSF"},    {0x5409, "TCSBRK"},     {0x540a, "TCXONC"},
    {0x540b, "TCFLSH"},     {0x540e, "TIOCSCTTY"},  {0x540f, "TIOCGPGRP"},
    {0x5410, "TIOCSPGRP"},  {0x5411, "TIOCOUTQ"},   {0x5413, "TIOCGWINSZ"},
    {0x5414, "TIOCSWINSZ"}, {0x541b, "FIONREAD"},   {0x5421, "FIONBIO"},
    {0x5422, "TIOCNOTTY"},  {0x5425, "TCSBRKP"},    {0x5429, "TIOCGSID"},
    {0x5430, "TIOCGPTN"},   {0x5431, "TIOCSPTLCK"}, {0x5450, "FIONCLEX"},
    {0x5451, "FIOCLEX"},    {0x1260, "BLKGETSIZE"}, {0x8008'1272, "BLKGETSIZE64"}};
inline constexpr FlagName kPollNames[] = {
    {1, "POLLIN"},         {2, "POLLPRI"},        {4, "POLLOUT"},       {8, "POLLERR"},
    {0x10, "POLLHUP"},     {0x20, "POLLNVAL"},    {0x40, "POLLRDNORM"}, {0x80, "POLLRDBAND"},
    {0x100, "POLLWRNORM"}, {0x200, "POLLWRBAND"}, {0x2000, "POLLRDHUP"}};
inline constexpr FlagName kLockNames[] = {{0, "F_RDLCK"}, {1, "F_WRLCK"}, {2, "F_UNLCK"}};

}  // namespace cairn
