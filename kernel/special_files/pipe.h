// Pipes: a ring of bytes between those who write and those who read. pipe() makes one without a
// name; a FIFO is a file, on any file system, whose openers meet at a pipe.
//
// Writes of up to kAtomicWrite bytes are never mixed with others' bytes. Readers get 0 bytes once
// the ring is empty and nobody has it open for writing; writers get EPIPE once nobody has it open
// for reading (the system calls add SIGPIPE).
//
// Locks: a mutex that whoever moves bytes holds, user copies included; what waiters look at is
// atomic, so waiting takes no mutex. The FIFOs in use are found under a spinlock (rank kPipe).
// Source: POSIX.1-2017, "pipe", "write", "open"; Linux, pipe(7), fifo(7).
#pragma once

#include "vfs/file.h"

namespace cairn {

class Pipe {
 public:
  static constexpr uint64_t kCapacity = 64 << 10;  // bytes
  static constexpr uint64_t kAtomicWrite = 4096;   // bytes, PIPE_BUF

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  /// Bytes moved. EAGAIN instead of waiting if not `may_wait`; EINTR; EFAULT. May sleep.
  Result<uint64_t> read(IoBuffer& buffer, bool may_wait);
  /// EPIPE, EAGAIN, EINTR, EFAULT, ENOMEM, where nothing could be written before. May sleep.
  Result<uint64_t> write(IoBuffer& buffer, bool may_wait);

  uint64_t bytes() const { return used_.load(); }  // waiting to be read

  // Files that have it open. Closing wakes whoever waits for the other end.
  void add_ends(bool reader, bool writer);
  void remove_ends(bool reader, bool writer);
  uint32_t readers() const { return readers_.load(); }
  uint32_t writers() const { return writers_.load(); }
  /// How often it was opened, ever.
  uint32_t reader_opens() const { return reader_opens_.load(); }
  uint32_t writer_opens() const { return writer_opens_.load(); }

  /// Woken at every change.
  WaitQueue& changes() { return changes_; }

 private:
  Result<void> put(IoBuffer& buffer, uint64_t count) REQUIRES(lock_);
  Result<void> take(IoBuffer& buffer, uint64_t count) REQUIRES(lock_);

  Mutex lock_{"pipe", LockRank::kFilePosition};  // a stream has no position to lock
  uint8_t* pages_[kCapacity / kPageSize] GUARDED_BY(lock_) = {};  // null: not used so far
  uint64_t start_ GUARDED_BY(lock_) = 0;                          // of what is to be read
  std::atomic<uint64_t> used_{0};                                 // written with lock_ held

  std::atomic<uint32_t> readers_{0}, writers_{0};
  std::atomic<uint32_t> reader_opens_{0}, writer_opens_{0};
  WaitQueue changes_{"pipe"};
};

struct PipeEnds {
  RefPtr<File> read_end, write_end;
};
/// A new pipe; `flags`: open_flag::kNonBlocking or 0. ENOMEM.
Result<PipeEnds> create_pipe(uint32_t flags);

/// Gives `file` its end. A reader waits for a writer and the other way round, but not with
/// kNonBlocking, and not who opens for both; writing only, without waiting and without a reader,
/// is ENXIO. EINTR, ENOMEM. May sleep.
Result<void> open_fifo(Inode& inode, File& file);
/// Undoes open_fifo() or the opening of an end of a pipe.
void close_pipe_end(File& file);

// A FIFO's or pipe's file.
Result<uint64_t> read_pipe(File& file, IoBuffer& buffer);
Result<uint64_t> write_pipe(File& file, IoBuffer& buffer);
uint32_t poll_pipe(File& file, WaitQueue** wait);
/// FIONREAD; ENOTTY.
Result<int64_t> control_pipe(File& file, uint64_t request, uint64_t argument);

}  // namespace cairn
