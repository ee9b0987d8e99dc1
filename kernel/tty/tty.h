// A terminal: the line discipline, the device behind it, and those who read and write. The serial console is one; every
// kind of terminal is this class with another TtyDevice.
//
//   keys ─▶ device ─▶ take_typed() ─▶ LineDiscipline ─▶ read() ─▶ processes
//                         │ echo          │ ^C ^Z: signals for the foreground group
//   screen ◀─ device ◀────┴───────────────┴──────────── write() ◀─ processes
//
// Locks: the tty's spinlock (rank kTty), with interrupts off, since devices call take_typed() from their handlers. It
// isn't held while user memory is touched or a signal is sent.
#pragma once

#include "address_space/io_buffer.h"
#include "process/process.h"
#include "sched/wait_queue.h"
#include "tty/line_discipline.h"

namespace cairn {

/// What shows a terminal's output and has its keys. All with the tty's lock held; nothing sleeps.
class TtyDevice {
 public:
  /// Shows `text`, of which no more comes than room() said.
  virtual void transmit(std::string_view text) = 0;
  /// How many bytes it would take now; whoever makes room calls Tty::wake().
  virtual size_t room() = 0;
  /// The next byte that was typed, -1 if there is none. When more come, the device calls Tty::take_typed().
  virtual int next_byte() = 0;

 protected:
  ~TtyDevice() = default;
};

class Tty : Writer {
 public:
  constexpr explicit Tty(TtyDevice& device) : device_(device) {}

  /// Takes what was typed out of the device, as far as there is room for it. Any context.
  void take_typed() EXCLUDES(lock_);

  /// A line (canonical mode) or bytes as VMIN and VTIME want them; 0 at ^D and after a hang-up. EAGAIN, EINTR (before
  /// the first byte), EFAULT. May sleep.
  Result<uint64_t> read(IoBuffer& buffer, bool may_wait) EXCLUDES(lock_);
  /// EAGAIN, EINTR, EFAULT (before the first byte), EIO after a hang-up. May sleep.
  Result<uint64_t> write(IoBuffer& buffer, bool may_wait) EXCLUDES(lock_);
  /// For poll(), with the queue that is woken when they change. Never sleep.
  bool can_read() EXCLUDES(lock_);
  bool can_write() EXCLUDES(lock_);
  WaitQueue& changes() { return changes_; }
  /// ioctl(). ENOTTY for what terminals don't know; EFAULT, EINVAL, EIO, EINTR. May sleep.
  Result<int64_t> control(uint64_t request, VirtAddr argument) EXCLUDES(lock_);

  Termios settings() EXCLUDES(lock_);
  void change(const Termios& settings, bool clear_input) EXCLUDES(lock_);
  WindowSize window() EXCLUDES(lock_);
  /// Tells the foreground group if it changed (SIGWINCH).
  void set_window(const WindowSize& window) EXCLUDES(lock_);

  /// The process that ^C interrupts, kept alive by the caller; null for none.
  void set_foreground(Process* process) { foreground_ = process; }

  /// The line was lost: readers get 0, writers EIO. For good.
  void hang_up() EXCLUDES(lock_);
  /// The next byte that was typed and not read, whether or not its line is complete; -1 if there is none.
  int take_back() EXCLUDES(lock_);
  /// Who waits looks again.
  void wake() { changes_.wake_all(); }

 private:
  struct Patience;
  class Turn;

  Patience patience_for(uint64_t wanted) EXCLUDES(lock_);
  Result<void> wait_for_input(size_t count, uint64_t patience_ns) EXCLUDES(lock_);
  size_t take_input(std::span<char> piece, bool& ended) EXCLUDES(lock_);
  Result<uint64_t> read_in_turn(IoBuffer& buffer, bool may_wait) EXCLUDES(lock_);
  void signal_foreground(unsigned signal) EXCLUDES(lock_);
  uint64_t readable_bytes() EXCLUDES(lock_);
  Result<void> flush(uint64_t which) EXCLUDES(lock_);
  Result<void> set_flow(uint64_t action) EXCLUDES(lock_);
  /// Echo. While the output is stopped it's kept, as far as there is room.
  void write(std::string_view text) override REQUIRES(lock_);
  void show_held() REQUIRES(lock_);
  bool has_room_for(size_t count) REQUIRES(lock_);

  static constexpr size_t kPiece = 128;  // bytes moved with the lock held

  TtyDevice& device_;
  Spinlock lock_{"tty", LockRank::kTty};
  LineDiscipline discipline_ GUARDED_BY(lock_);
  WindowSize window_ GUARDED_BY(lock_) = {};
  bool hung_up_ GUARDED_BY(lock_) = false;
  char held_[2 * kPiece] GUARDED_BY(lock_) = {};
  size_t held_count_ GUARDED_BY(lock_) = 0;
  WaitQueue changes_{"input"};
  std::atomic<Process*> foreground_{nullptr};

  // One process reads at a time. Not a mutex, since a process that waits for its turn must be killable.
  std::atomic<bool> being_read_{false};
  WaitQueue turns_{"input"};
};

}  // namespace cairn
