#include "tty/tty.h"

#include <algorithm>

#include "process/signal.h"
#include "time/clock.h"

namespace cairn {

/// How long a read() waits, as the settings were when it began.
struct Tty::Patience {
  size_t count;         // bytes that it wants at least
  uint64_t first_ns;    // for the first byte; kNoDeadline: for ever
  uint64_t between_ns;  // after each byte
};

/// The right to read, as long as it lives.
class Tty::Turn {
 public:
  explicit Turn(Tty& tty) : tty_(tty) { tty_.device_.reader_came(); }
  ~Turn() {
    tty_.device_.reader_went();
    tty_.being_read_ = false;
    tty_.turns_.wake_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Tty& tty_;
};

void Tty::take_typed() {
  bool any = false;
  while (true) {
    unsigned signal = 0;
    {
      IrqGuard guard(lock_);
      int byte = discipline_.has_room() ? device_.next_byte() : -1;
      if (byte < 0) break;
      const bool was_stopped = discipline_.stopped();
      signal = discipline_.take(uint8_t(byte), *this);
      const bool stopped = discipline_.stopped();
      if (stopped != was_stopped) device_.notice(stopped ? packet::kStop : packet::kStart);
      if (!stopped) show_held();
    }
    any = true;
    if (signal != 0) signal_foreground(signal);
  }
  if (any) changes_.wake_all();
}

Tty::Patience Tty::patience_for(uint64_t wanted) {
  constexpr uint64_t kTenthOfSecond = 100'000'000;  // ns
  IrqGuard guard(lock_);
  if (discipline_.canonical()) return {1, kNoDeadline, kNoDeadline};
  const Termios& settings = discipline_.settings();
  const uint64_t least = settings.key(TtyKey::kMin);
  const uint64_t time_ns = settings.key(TtyKey::kTime) * kTenthOfSecond;
  if (least == 0) return {1, time_ns, time_ns};
  return {std::min(least, wanted), kNoDeadline, time_ns != 0 ? time_ns : kNoDeadline};
}

Result<void> Tty::wait_for_input(size_t count, uint64_t patience_ns, uint64_t connection) {
  uint64_t deadline = patience_ns == kNoDeadline ? kNoDeadline : monotonic_ns() + patience_ns;
  return changes_.wait_until_interruptible(
      [this, count, connection] {
        IrqGuard guard(lock_);
        return discipline_.readable(count) || is_lost(connection);
      },
      deadline);
}

size_t Tty::take_input(std::span<char> piece, bool& ended, uint64_t connection) {
  IrqGuard guard(lock_);
  ended = is_lost(connection);
  return ended ? 0 : discipline_.read(piece, ended);
}

Result<uint64_t> Tty::read(IoBuffer& buffer, bool may_wait, uint64_t connection) {
  if (buffer.left() == 0 || is_lost(connection)) return uint64_t(0);
  TRY(check_foreground(kSigTerminalInput));
  if (being_read_.exchange(true)) {
    if (!may_wait) return Errno::kEAGAIN;
    TRY(turns_.wait_until_interruptible([this] { return !being_read_.exchange(true); }));
  }
  auto count = [&] {
    Turn turn(*this);
    take_typed();
    return read_in_turn(buffer, may_wait, connection);
  }();
  take_typed();  // there is room again
  return count;
}

Result<uint64_t> Tty::read_in_turn(IoBuffer& buffer, bool may_wait, uint64_t connection) {
  const Patience patience = patience_for(buffer.left());
  uint64_t done = 0;
  while (true) {
    char piece[kPiece];
    bool ended;
    size_t count =
        take_input({piece, std::min<uint64_t>(buffer.left(), sizeof(piece))}, ended, connection);
    if (count != 0 && !buffer.put(piece, count).ok()) {
      return done != 0 ? Result<uint64_t>(done) : Errno::kEFAULT;
    }
    done += count;
    if (ended || buffer.left() == 0) return done;
    if (count == sizeof(piece)) continue;  // there may be more
    if (done >= patience.count) return done;
    uint64_t wait_ns = done == 0 ? patience.first_ns : patience.between_ns;
    if (wait_ns == 0) return done;
    if (!may_wait) return done != 0 ? Result<uint64_t>(done) : Errno::kEAGAIN;
    // What is timed from byte to byte needs a look at each.
    auto waited = wait_for_input(
        wait_ns == kNoDeadline && patience.between_ns == kNoDeadline ? patience.count - done : 1,
        wait_ns, connection);
    if (waited.ok()) continue;
    if (done != 0 || waited.error() == Errno::kEAGAIN) return done;
    return waited.error();
  }
}

Result<uint64_t> Tty::write(IoBuffer& buffer, bool may_wait, uint64_t connection) {
  if (settings().has_local(local_flag::kStopBackground)) TRY(check_foreground(kSigTerminalOutput));
  uint64_t done = 0;
  auto outcome = [&done](Errno error) {
    return done != 0 ? Result<uint64_t>(done) : Result<uint64_t>(error);
  };
  while (buffer.left() > 0) {
    char piece[kPiece];
    IoBuffer at = buffer;  // goes on only when the piece was shown
    uint64_t count = at.take_some(piece, std::min<uint64_t>(at.left(), sizeof(piece)));
    if (count == 0) return outcome(Errno::kEFAULT);
    bool shown = false, lost = false;
    auto show = [&] {
      IrqGuard guard(lock_);
      lost = is_lost(connection);
      if (lost || discipline_.stopped() || !has_room_for(count)) return lost;
      discipline_.write({piece, count}, *this);
      return shown = true;
    };
    if (!show() && !may_wait) return outcome(Errno::kEAGAIN);
    if (!shown && !lost) {
      auto waited = changes_.wait_until_interruptible(show);
      if (!waited.ok()) return outcome(waited.error());
    }
    if (lost) return outcome(Errno::kEIO);
    buffer = at;
    done += count;
  }
  return done;
}

/// Each byte may become a tab's spaces.
bool Tty::has_room_for(size_t count) { return device_.room() >= count * kTabWidth; }

void Tty::write(std::string_view text) {
  if (!discipline_.stopped()) return device_.transmit(text);
  size_t count = std::min(text.size(), sizeof(held_) - held_count_);
  std::copy_n(text.data(), count, held_ + held_count_);
  held_count_ += count;
}

void Tty::show_held() {
  if (held_count_ != 0) device_.transmit({held_, held_count_});
  held_count_ = 0;
}

bool Tty::can_read() {
  IrqGuard guard(lock_);
  const Termios& settings = discipline_.settings();
  size_t count = settings.key(TtyKey::kTime) == 0 ? settings.key(TtyKey::kMin) : 1;
  return discipline_.readable(std::max<size_t>(count, 1));
}

bool Tty::can_write() {
  IrqGuard guard(lock_);
  return !discipline_.stopped() && has_room_for(kPiece);
}

Termios Tty::settings() {
  IrqGuard guard(lock_);
  return discipline_.settings();
}

namespace {

/// The usual ones, which the other side could act on by itself.
bool has_flow_keys(const Termios& settings) {
  constexpr uint8_t kControlQ = 021, kControlS = 023;
  return settings.has_input(input_flag::kStopKeys) && settings.key(TtyKey::kStart) == kControlQ &&
         settings.key(TtyKey::kStop) == kControlS;
}

}  // namespace

void Tty::change(const Termios& settings, bool clear_input) {
  {
    IrqGuard guard(lock_);
    if (clear_input) discipline_.clear_input();
    const bool had_keys = has_flow_keys(discipline_.settings());
    discipline_.change(settings);
    const bool has_keys = has_flow_keys(settings);
    if (has_keys != had_keys) device_.notice(has_keys ? packet::kFlowKeys : packet::kNoFlowKeys);
    if (!discipline_.stopped()) show_held();
  }
  changes_.wake_all();
  take_typed();
}

WindowSize Tty::window() {
  IrqGuard guard(lock_);
  return window_;
}

void Tty::set_window(const WindowSize& window) {
  {
    IrqGuard guard(lock_);
    if (window == window_) return;
    window_ = window;
  }
  signal_foreground(kSigWindow);
}

int Tty::take_back() {
  char byte;
  IrqGuard guard(lock_);
  return discipline_.read_raw({&byte, 1}) != 0 ? uint8_t(byte) : -1;
}

void Tty::hang_up() {
  {
    IrqGuard guard(lock_);
    connection_.fetch_add(1);
    discipline_.clear_input();
    discipline_.change(kSaneTermios);
    held_count_ = 0;
  }
  changes_.wake_all();
}

}  // namespace cairn
