#include "tty/lab_b/terminal_files.h"

#include "special_files/device_file.h"
#include "tty/console.h"
#include "tty/lab_b/pty.h"
#include "tty/tty.h"

namespace cairn {

namespace {

static_assert(kSerialDevice == make_device_number(4, 64));
constexpr uint64_t kOwnDevice = make_device_number(5, 0);

Tty& tty_of(File& file) {
  return *static_cast<TerminalDevice*>(static_cast<CharacterDevice*>(file.stream))->tty;
}

Result<uint64_t> read_terminal(File& file, IoBuffer& buffer, uint64_t) {
  return tty_of(file).read(buffer, !file.non_blocking(), file.stream_number);
}

Result<uint64_t> write_terminal(File& file, IoBuffer& buffer, uint64_t) {
  return tty_of(file).write(buffer, !file.non_blocking(), file.stream_number);
}

Result<int64_t> control_terminal(File& file, uint64_t request, uint64_t argument) {
  return tty_of(file).control(uint32_t(request), VirtAddr(argument), file.stream_number);
}

uint32_t poll_terminal(File& file, WaitQueue** wait) {
  Tty& tty = tty_of(file);
  if (wait != nullptr) *wait = &tty.changes();
  if (tty.is_lost(file.stream_number)) return kPollIn | kPollOut | kPollError | kPollHangUp;
  const bool has_input = tty.can_read() || (&tty == &console_tty && console_has_input());
  return (tty.can_write() ? kPollOut : 0) | (has_input ? kPollIn : 0);
}

Result<void> open_console(File& file, uint64_t) {
  file.stream_number = tty_of(file).connection();
  return {};
}

Result<void> open_terminal(File& file, uint64_t number) {
  acquire_terminal(file, tty_of(file));
  return open_console(file, number);
}

Result<void> open_own(File& file, uint64_t);

constexpr TerminalDevice terminal(const char* name, uint64_t number, uint16_t permissions,
                                  Result<void> (*open)(File&, uint64_t), Tty* tty) {
  TerminalDevice device{};
  device.name = name;
  device.number = number;
  device.permissions = permissions;
  device.read = read_terminal;
  device.write = write_terminal;
  device.control = control_terminal;
  device.poll = poll_terminal;
  device.open = open;
  device.tty = tty;
  return device;
}

constinit TerminalDevice console =
    terminal("console", kConsoleDevice, 0600, open_console, &console_tty);
constinit TerminalDevice serial =
    terminal("ttyS0", kSerialDevice, 0600, open_terminal, &console_tty);
constinit TerminalDevice own = terminal("tty", kOwnDevice, 0666, open_own, nullptr);

/// The number of the terminal that controls the running process's session. ENXIO: none does.
Result<uint64_t> own_terminal() {
  IrqGuard guard(process_tree_lock);
  Process* process = current_process();
  if (process == nullptr || process->group == nullptr) return Errno::kENXIO;
  if (process->gave_up_terminal) return Errno::kENXIO;
  ControllingTerminal* terminal = process->group->session->terminal;
  return terminal != nullptr ? Result<uint64_t>(terminal->number()) : Errno::kENXIO;
}

/// The file becomes one of that terminal.
Result<void> open_own(File& file, uint64_t) {
  const uint64_t number = TRY(own_terminal());
  if (number != kSerialDevice) return open_controlling_pty(file, number);
  file.stream = static_cast<CharacterDevice*>(&serial);
  return open_console(file, number);
}

}  // namespace

TerminalDevice terminal_device(Tty& tty) { return terminal("", 0, 0, nullptr, &tty); }

void acquire_terminal(File& file, Tty& tty) {
  const bool wants = (file.flags.load() & open_flag::kNoControllingTerminal) == 0;
  if (file.readable && wants) tty.acquire_if_free();
}

void register_terminal_files() {
  register_character_device(console);
  register_character_device(serial);
  register_character_device(own);
  register_pty_files();
}

}  // namespace cairn
