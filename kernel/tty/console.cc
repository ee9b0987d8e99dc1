#include "tty/console.h"

#include <atomic>

#include "drivers/uart.h"
#include "tty/tty.h"

namespace cairn {

namespace {

constexpr uint8_t kInterruptByte = 3;
constexpr uint8_t kMonitorByte = 0x1d;  // ^]

constinit std::atomic<unsigned> reading_processes{0};
constinit std::atomic<bool> lent{false};
constinit std::atomic<bool> interrupt_typed{false};

constinit std::atomic<bool> has_init{false};
constinit std::atomic<bool> monitor_wanted{false};  // where there is an init

bool is_the_monitors() {
  if (lent.load()) return false;
  return has_init.load() ? monitor_wanted.load() : reading_processes.load() == 0;
}

/// The next byte typed but for those that mean the monitor; -1: none.
int next_typed() {
  int byte = console_uart.try_read();
  while (byte == kMonitorByte && has_init.load()) byte = console_uart.try_read();
  return byte;
}

class ConsoleDevice final : public TtyDevice {
 public:
  void transmit(std::string_view text) override { console_uart.write(text); }
  size_t room() override { return SIZE_MAX; }  // write() waits for the transmitter
  int next_byte() override { return is_the_monitors() ? -1 : next_typed(); }
  void reader_came() override { reading_processes.fetch_add(1); }
  void reader_went() override {
    reading_processes.fetch_sub(1);
    console_uart.arrivals().wake_all();  // the monitor may go on
  }
};
constinit ConsoleDevice device;

/// From the UART's interrupt: a byte is there.
void on_byte(uint8_t byte) {
  if (byte == kMonitorByte && has_init.load()) monitor_wanted = !monitor_wanted.load();
  if (is_the_monitors() && byte == kInterruptByte) interrupt_typed = true;
  console_tty.take_typed();
  console_tty.wake();  // who polls looks at the UART, too
}

}  // namespace

constinit Tty console_tty{device, kSerialDevice};

bool console_has_input() { return console_tty.can_read() || console_uart.has_input(); }

void wait_for_console() {
  console_uart.arrivals().wait_until(
      [] { return !lent.load() && (!has_init.load() || monitor_wanted.load()); });
}

char read_console_byte() {
  int byte = -1;
  console_uart.arrivals().wait_until([&byte] {
    if (!is_the_monitors()) return false;
    byte = console_tty.take_back();
    if (byte < 0) byte = next_typed();
    return byte >= 0;
  });
  return char(byte);
}

void lend_console(Process& process) {
  lent = true;
  {
    IrqGuard guard(process_tree_lock);
    ProcessGroup* group = process.group;  // null: it has ended already
    if (group != nullptr && !console_tty.is_taken()) {
      console_tty.give_to(*group->session, group->id);
    }
  }
  console_tty.take_typed();
}

void take_console_back() {
  lent = false;
  if (has_init.load()) return;  // it is a session's own, with its settings
  {
    IrqGuard guard(process_tree_lock);
    console_tty.give_up();
  }
  console_tty.change(kSaneTermios, false);
}

void give_console_to_init() {
  has_init = true;
  console_tty.take_typed();
}

void set_console_window(uint16_t rows, uint16_t columns) {
  console_tty.set_window({rows, columns, 0, 0});
}

bool take_console_interrupt() { return interrupt_typed.exchange(false); }
void start_console_input() { console_uart.set_byte_hook(on_byte); }

}  // namespace cairn
