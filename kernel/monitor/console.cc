#include "monitor/console.h"

#include <algorithm>
#include <atomic>

#include "drivers/uart.h"
#include "process/signal.h"
#include "sched/mutex.h"

namespace cairn {

namespace {

constexpr char kInterruptByte = 3, kEndByte = 4, kEraseByte = 0x7f, kKillByte = 21;

constinit std::atomic<unsigned> reading_processes{0};
constinit std::atomic<Process*> foreground{nullptr};

/// The line being handed to processes. `start` … `length` has not been read yet.
struct PendingLine {
  char text[256] = {};
  size_t length = 0;
  size_t start = 0;
};
constinit Mutex line_lock{"console line", LockRank::kMonitor, "input"};
constinit PendingLine pending GUARDED_BY(line_lock);

/// ^C goes to the foreground process at once, whoever reads.
bool on_byte(uint8_t byte) {
  Process* process = foreground.load();
  if (byte != kInterruptByte || process == nullptr) return false;
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
Result<void> edit_line() REQUIRES(line_lock) {
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
  reading_processes.fetch_add(1);
  struct Leave {
    ~Leave() {
      reading_processes.fetch_sub(1);
      console_uart.arrivals().wake_all();  // the monitor may go on
    }
  } leave;
  MutexGuard guard(line_lock);
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

char read_console_byte() {
  int byte = -1;
  console_uart.arrivals().wait_until([&byte] {
    if (reading_processes.load() != 0) return false;
    return (byte = console_uart.try_read()) >= 0;
  });
  return char(byte);
}

void set_foreground_process(Process* process) { foreground = process; }
void start_console_input() { console_uart.set_byte_hook(on_byte); }

}  // namespace cairn
