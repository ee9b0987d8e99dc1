#include "monitor/console.h"

#include <algorithm>
#include <atomic>

#include "drivers/uart.h"
#include "process/signal.h"
#include "sched/wait_queue.h"

namespace cairn {

namespace {

constexpr char kInterruptByte = 3, kEndByte = 4, kEraseByte = 0x7f, kKillByte = 21;

constinit std::atomic<unsigned> reading_processes{0};
constinit std::atomic<Process*> foreground{nullptr};
constinit std::atomic<bool> interrupt_typed{false};

/// The line being handed to processes. `start` … `length` has not been read yet.
struct PendingLine {
  char text[256] = {};
  size_t length = 0;
  size_t start = 0;
};
// One process reads at a time; it alone touches `pending`. Not a mutex, since a process that waits for
// its turn must be killable.
constinit std::atomic<bool> line_taken{false};
constinit WaitQueue line_free{"input"};
constinit PendingLine pending;

/// ^C goes to the foreground process at once, whoever reads.
bool on_byte(uint8_t byte) {
  if (byte != kInterruptByte) return false;
  interrupt_typed = true;
  Process* process = foreground.load();
  if (process == nullptr) return false;
  send_signal(*process, kSigInterrupt);
  return true;
}

Result<char> next_byte() {
  int byte = -1;
  TRY(console_uart.arrivals().wait_until_interruptible(
      [&byte] { return (byte = console_uart.try_read()) >= 0; }));
  return char(byte);
}

/// Collects a line with echo. Leaves it in `pending`, empty for ^D.
Result<void> edit_line() {
  pending.length = pending.start = 0;
  while (true) {
    char c = TRY(next_byte());
    if (c == '\r') c = '\n';
    if (c == kEndByte) return {};
    if (c == kEraseByte || c == '\b') {
      if (pending.length == 0) continue;
      pending.length--;
      console_uart.write("\b \b");
    } else if (c == kKillByte) {
      for (; pending.length > 0; pending.length--) console_uart.write("\b \b");
    } else if (pending.length < sizeof(pending.text) - 1 || c == '\n') {
      pending.text[pending.length++] = c;
      console_uart.write_lines({&c, 1});
      if (c == '\n') return {};
    }
  }
}

}  // namespace

Result<size_t> read_console_line(std::span<char> buffer) {
  struct Reader {
    Reader() { reading_processes.fetch_add(1); }
    ~Reader() {
      reading_processes.fetch_sub(1);
      console_uart.arrivals().wake_all();  // the monitor may go on
    }
  } reader;
  TRY(line_free.wait_until_interruptible([] { return !line_taken.exchange(true); }));
  struct Turn {
    ~Turn() {
      line_taken = false;
      line_free.wake_one();
    }
  } turn;
  if (pending.start == pending.length) {
    auto edited = edit_line();
    if (!edited.ok()) {
      pending.length = pending.start = 0;
      return edited.error();
    }
  }
  size_t count = std::min(buffer.size(), pending.length - pending.start);
  std::copy_n(pending.text + pending.start, count, buffer.data());
  pending.start += count;
  return count;
}

bool console_has_input() { return pending.start < pending.length || console_uart.has_input(); }

char read_console_byte() {
  int byte = -1;
  console_uart.arrivals().wait_until([&byte] {
    if (reading_processes.load() != 0) return false;
    return (byte = console_uart.try_read()) >= 0;
  });
  return char(byte);
}

Result<uint64_t> write_console(IoBuffer& buffer) {
  uint64_t done = 0;
  while (buffer.left() > 0) {
    char piece[256];
    uint64_t length = buffer.take_some(piece, std::min<uint64_t>(buffer.left(), sizeof(piece)));
    if (length == 0) return done != 0 ? Result<uint64_t>(done) : Errno::kEFAULT;
    console_uart.write_lines({piece, length});
    done += length;
  }
  return done;
}

void set_foreground_process(Process* process) { foreground = process; }
bool take_console_interrupt() { return interrupt_typed.exchange(false); }
void start_console_input() { console_uart.set_byte_hook(on_byte); }

}  // namespace cairn
