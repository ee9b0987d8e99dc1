// Open files: what a descriptor refers to. dup() and fork() share one, so they share its position.
#pragma once

#include "sched/mutex.h"
#include "vfs/access.h"
#include "vfs/mount.h"

namespace cairn {

/// open()'s flags. Source: Linux, include/uapi/asm-generic/fcntl.h.
namespace open_flag {
inline constexpr uint32_t kAccessMask = 3, kReadOnly = 0, kWriteOnly = 1, kReadWrite = 2;
inline constexpr uint32_t kNeither = 3;  // asks for both rights, and is for ioctl() alone
inline constexpr uint32_t kCreate = 0100, kExclusive = 0200, kNoControllingTerminal = 0400;
inline constexpr uint32_t kTruncate = 01000, kAppend = 02000, kNonBlocking = 04000;
inline constexpr uint32_t kDataSync = 010000, kDirect = 040000, kLargeFile = 0100000;
inline constexpr uint32_t kDirectory = 0200000, kNoFollow = 0400000, kNoAccessTime = 01000000;
inline constexpr uint32_t kCloseOnExec = 02000000, kSync = 04010000, kPath = 010000000;
/// Not a program's to give: a regular file that is executed, while which nobody writes to it.
inline constexpr uint32_t kExecute = 040;
}  // namespace open_flag

/// Something that watches an open file; epoll's (special_files/event_watch.h).
struct FileWatch {
  ListLink file_link;
};

struct File final : RefCounted<File>, ObjectKeeper {
  // Regions that map the file keep it open.
  void retain() override { RefCounted::retain(); }
  void release() override { RefCounted::release(); }
  File* as_file() override { return this; }

  // Immutable.
  Place place;  // the inode, kept alive; unlinked or not
  bool readable = false, writable = false;
  bool path_only = false;  // O_PATH: no I/O, only a place
  int use = 0;             // its part of Inode::uses

  // fcntl(F_SETFL) changes kAppend and kNonBlocking.
  std::atomic<uint32_t> flags{0};

  /// The position, and those who move it: one read, write or seek at a time.
  Mutex position_lock{"file position", LockRank::kFilePosition};
  uint64_t position GUARDED_BY(position_lock) = 0;  // bytes; directories: read_entry()'s

  ReadAhead read_ahead;
  void* stream = nullptr;      // the inode's: a pipe's end, a device's driver
  uint64_t stream_number = 0;  // and what that one notes

  List<FileWatch, &FileWatch::file_link> watches;  // epoll's, under its locks
  std::atomic<bool> was_watched{false};

  Inode& inode() const { return *place.inode; }
  bool append() const { return (flags.load() & open_flag::kAppend) != 0; }
  bool non_blocking() const { return (flags.load() & open_flag::kNonBlocking) != 0; }

  /// The last reference: tells the inode. May sleep.
  ~File();
};

/// The file closes, and nothing watches it any more. An upward need, special_files/event_interest.cc.
void forget_watches(File& file);

/// What must be permitted (check_access()) to whoever opens an existing file so.
constexpr uint32_t access_of(uint32_t flags) {
  const uint32_t access = flags & open_flag::kAccessMask;
  const bool cuts = (flags & open_flag::kTruncate) != 0;
  const bool changes = access != open_flag::kReadOnly || cuts;
  const bool overwrites = cuts || (changes && (flags & open_flag::kAppend) == 0);
  return (access != open_flag::kWriteOnly ? kMayRead : 0) | (changes ? kMayWrite : 0) |
         (overwrites ? kMayOverwrite : 0);
}

/// A file that is open at `place`, on_open() done. For vfs_open(), pipes and the console. ETXTBSY: it is to be written or
/// cut, and is executed, or the other way round. ENOMEM, and what on_open() gives.
Result<RefPtr<File>> open_place(const Place& place, uint32_t flags);

}  // namespace cairn
