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
#include "process/process_group.h"
#include "sched/wait_queue.h"
#include "tty/line_discipline.h"

namespace cairn {

/// What TtyDevice::notice() tells. Source: Linux, ioctl_tty(2), "Packet mode".
namespace packet {
inline constexpr uint8_t kFlushRead = 1, kFlushWrite = 2, kStop = 4, kStart = 8;
inline constexpr uint8_t kNoFlowKeys = 16, kFlowKeys = 32;  // whether ^S and ^Q stop and start
/// What no longer holds once that was told.
constexpr uint8_t opposite_of(uint8_t what) {
  return uint8_t((what & kStop) << 1 | (what & kStart) >> 1 | (what & kNoFlowKeys) << 1 |
                 (what & kFlowKeys) >> 1);
}
}  // namespace packet

/// What shows a terminal's output and has its keys. All with the tty's lock held; nothing sleeps.
class TtyDevice {
 public:
  /// Shows `text`, of which no more comes than room() said.
  virtual void transmit(std::string_view text) = 0;
  /// How many bytes it would take now; whoever makes room calls Tty::wake().
  virtual size_t room() = 0;
  /// The next byte that was typed, -1 if there is none. When more come, the device calls Tty::take_typed().
  virtual int next_byte() = 0;
  /// Whether the line is lost to all who have it open when the leader of its session ends.
  virtual bool ends_with_leader() { return true; }
  /// Something happened that a program at the other side may want to know: packet bits.
  virtual void notice(uint8_t) {}
  /// A process begins or ends to wait for input; without the tty's lock.
  virtual void reader_came() {}
  virtual void reader_went() {}

 protected:
  ~TtyDevice() = default;
};

class Tty final : public ControllingTerminal, Writer {
 public:
  constexpr Tty(TtyDevice& device, uint64_t number) : device_(device), number_(number) {}

  /// Takes what was typed out of the device, as far as there is room for it. Any context.
  void take_typed() EXCLUDES(lock_);

  /// What a file that is opened now is connected to; the next hang-up ends it for those who have it.
  uint64_t connection() const { return connection_.load(); }

  // A process in the background is stopped first where the terminal is its session's (job_control.cc).
  /// A line (canonical mode) or bytes as VMIN and VTIME want them; 0 at ^D and after a hang-up. EAGAIN, EINTR (before
  /// the first byte), EFAULT, EIO. May sleep.
  Result<uint64_t> read(IoBuffer& buffer, bool may_wait, uint64_t connection) EXCLUDES(lock_);
  /// EAGAIN, EINTR, EFAULT (before the first byte), EIO, after a hang-up too. May sleep.
  Result<uint64_t> write(IoBuffer& buffer, bool may_wait, uint64_t connection) EXCLUDES(lock_);
  /// For poll(), with the queue that is woken when they change. Never sleep.
  bool can_read() EXCLUDES(lock_);
  bool can_write() EXCLUDES(lock_);
  bool is_lost(uint64_t connection) const { return connection_.load() != connection; }
  WaitQueue& changes() { return changes_; }
  /// ioctl(). ENOTTY for what terminals don't know; EFAULT, EINVAL, EIO, EINTR. May sleep.
  Result<int64_t> control(uint32_t request, VirtAddr argument, uint64_t connection) EXCLUDES(lock_);

  Termios settings() EXCLUDES(lock_);
  void change(const Termios& settings, bool clear_input) EXCLUDES(lock_);
  WindowSize window() EXCLUDES(lock_);
  /// Tells the foreground group if it changed (SIGWINCH).
  void set_window(const WindowSize& window) EXCLUDES(lock_);

  /// Makes it the controlling terminal of a session that has none, with one of its groups in the foreground.
  void give_to(Session& session, Pid foreground) REQUIRES(process_tree_lock);
  /// The same for the running process's session, if it leads one that has none and the terminal is nobody's.
  void acquire_if_free() EXCLUDES(process_tree_lock);
  bool is_taken() const REQUIRES(process_tree_lock) { return session_ != nullptr; }
  /// It is nobody's.
  void give_up() REQUIRES(process_tree_lock);
  void leader_ended(Session& session) override REQUIRES(process_tree_lock);
  uint64_t number() const override { return number_; }
  Pid foreground_group() override REQUIRES(process_tree_lock);

  /// The line is lost: the session's leader is told (SIGHUP, SIGCONT), when it ends who is in the foreground, and then
  /// hang_up().
  void lose_line() EXCLUDES(lock_, process_tree_lock);
  void signal_foreground(unsigned signal) EXCLUDES(lock_, process_tree_lock);
  // What TIOCGPGRP and TIOCGSID tell those whose terminal it isn't: of its other side.
  int32_t shown_foreground() EXCLUDES(process_tree_lock);
  /// ENOTTY: it is nobody's.
  Result<int32_t> shown_session() EXCLUDES(process_tree_lock);
  /// Those who have it open lost the line: readers get 0, writers EIO. Settings are as at first.
  void hang_up() EXCLUDES(lock_);
  /// The next byte that was typed and not read, whether or not its line is complete; -1 if there is none.
  int take_back() EXCLUDES(lock_);
  /// Who waits looks again.
  void wake() { changes_.wake_all(); }

 private:
  struct Patience;
  class Turn;

  Patience patience_for(uint64_t wanted) EXCLUDES(lock_);
  Result<void> wait_for_input(size_t count, uint64_t patience_ns, uint64_t connection)
      EXCLUDES(lock_);
  size_t take_input(std::span<char> piece, bool& ended, uint64_t connection) EXCLUDES(lock_);
  Result<uint64_t> read_in_turn(IoBuffer& buffer, bool may_wait, uint64_t connection)
      EXCLUDES(lock_);
  bool controls_me() REQUIRES(process_tree_lock);
  ProcessGroup* foreground() REQUIRES(process_tree_lock);
  Result<void> check_foreground(unsigned signal) EXCLUDES(process_tree_lock);
  void leave_session() REQUIRES(process_tree_lock);
  Result<void> acquire(bool steal) EXCLUDES(process_tree_lock);
  Result<void> release() EXCLUDES(process_tree_lock);
  Result<int32_t> foreground_id() EXCLUDES(process_tree_lock);
  Result<int32_t> session_id() EXCLUDES(process_tree_lock);
  Result<void> set_foreground(VirtAddr argument) EXCLUDES(process_tree_lock);
  Result<int64_t> control_jobs(uint32_t request, VirtAddr argument) EXCLUDES(process_tree_lock);
  uint64_t readable_bytes() EXCLUDES(lock_);
  Result<void> flush(uint64_t which) EXCLUDES(lock_);
  Result<void> set_flow(uint64_t action) EXCLUDES(lock_);
  /// Echo. While the output is stopped it's kept, as far as there is room.
  void write(std::string_view text) override REQUIRES(lock_);
  void show_held() REQUIRES(lock_);
  bool has_room_for(size_t count) REQUIRES(lock_);

  static constexpr size_t kPiece = 128;  // bytes moved with the lock held

  TtyDevice& device_;
  const uint64_t number_;  // of the device file
  Spinlock lock_{"tty", LockRank::kTty};
  LineDiscipline discipline_ GUARDED_BY(lock_);
  WindowSize window_ GUARDED_BY(lock_) = {};
  char held_[2 * kPiece] GUARDED_BY(lock_) = {};
  size_t held_count_ GUARDED_BY(lock_) = 0;
  WaitQueue changes_{"input"};
  std::atomic<uint64_t> connection_{0};  // counts hang-ups

  // Protected by process_tree_lock.
  Session* session_ GUARDED_BY(process_tree_lock) = nullptr;
  Pid foreground_ GUARDED_BY(process_tree_lock) = {};  // a group of the session, if it still exists

  // One process reads at a time. Not a mutex, since a process that waits for its turn must be killable.
  std::atomic<bool> being_read_{false};
  WaitQueue turns_{"input"};
};

}  // namespace cairn
