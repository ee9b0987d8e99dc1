// What the file system calls exchange with programs: Linux's structures and numbers on x86-64.
// Sources: Linux, arch/x86/include/uapi/asm/stat.h; include/uapi/asm-generic/{fcntl,statfs,poll}.h;
// include/uapi/linux/{stat,fcntl,mount,time,uio}.h; include/linux/dirent.h.
#pragma once

#include <cstdint>

namespace cairn::abi {

inline constexpr int kCurrentDirectory = -100;  // AT_FDCWD
inline constexpr uint64_t kAtSymlinkNoFollow = 0x100, kAtRemoveDirectory = 0x200;
inline constexpr uint64_t kAtEffectiveAccess = 0x200, kAtSymlinkFollow = 0x400;
inline constexpr uint64_t kAtNoAutomount = 0x800, kAtEmptyPath = 0x1000;

inline constexpr uint64_t kMaxTransfer = 0x7ffff000;  // bytes a call
inline constexpr uint64_t kMaxVectors = 1024;         // IOV_MAX

struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};
struct TimeVal {
  int64_t seconds;
  int64_t microseconds;
};

struct Stat {
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  uint32_t mode;
  uint32_t owner, group;
  uint32_t padding;
  uint64_t special_device;
  int64_t size;
  int64_t block_size;
  int64_t sectors;
  TimeSpec accessed, modified, changed;
  int64_t reserved[3];
};
static_assert(sizeof(Stat) == 144);

struct StatxTime {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t reserved;
};
struct Statx {
  uint32_t present;  // bits of what is told
  uint32_t block_size;
  uint64_t flags;
  uint32_t links;
  uint32_t owner, group;
  uint16_t mode;
  uint16_t padding;
  uint64_t inode;
  uint64_t size;
  uint64_t sectors;
  uint64_t known_flags;
  StatxTime accessed, created, changed, modified;
  uint32_t special_major, special_minor;
  uint32_t device_major, device_minor;
  uint64_t reserved[14];
};
static_assert(sizeof(Statx) == 256);
inline constexpr uint32_t kStatxBasic = 0x7ff, kStatxReserved = 0x8000'0000;
inline constexpr uint64_t kAtStatxSyncType = 0x6000;

struct StatFs {
  int64_t type;
  int64_t block_size;
  uint64_t blocks, free_blocks, available_blocks;
  uint64_t files, free_files;
  uint64_t id;
  int64_t name_length;
  int64_t fragment_size;
  int64_t flags;
  int64_t spare[4];
};
static_assert(sizeof(StatFs) == 120);
inline constexpr int64_t kStatFsReadOnly = 1, kStatFsValid = 0x20;

/// getdents64: the name and its NUL follow; records are multiples of 8 bytes.
struct DirectoryRecord {
  uint64_t inode;
  int64_t next_position;
  uint16_t size;
  uint8_t type;
} __attribute__((packed));
static_assert(sizeof(DirectoryRecord) == 19);

struct PollFd {
  int32_t fd;
  uint16_t events, ready;
};
inline constexpr uint32_t kPollInvalid = 0x20;

/// fcntl()'s second argument.
namespace fcntl_command {
enum FcntlCommand : uint32_t {
  kDupFd = 0,
  kGetFd = 1,
  kSetFd = 2,
  kGetFlags = 3,
  kSetFlags = 4,
  kGetLock = 5,
  kSetLock = 6,
  kSetLockWait = 7,
  kGetOwner = 9,
  kDupFdCloseOnExec = 1030,
  kGetPipeSize = 1032,
};
}  // namespace fcntl_command

struct FileLock {
  int16_t kind;
  int16_t whence;
  int64_t start, length;
  int32_t pid;
};

}  // namespace cairn::abi
