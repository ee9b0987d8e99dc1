#include "tty/lab_b/terminal_files.h"

#include "special_files/device_file.h"
#include "tty/console.h"

namespace cairn {

namespace {

constexpr uint64_t kSerialDevice = make_device_number(4, 64);

Result<uint64_t> read_terminal(File& file, IoBuffer& buffer, uint64_t) {
  return read_console(buffer, !file.non_blocking());
}
Result<uint64_t> write_terminal(File& file, IoBuffer& buffer, uint64_t) {
  return console_tty.write(buffer, !file.non_blocking());
}
Result<int64_t> control_terminal(File&, uint64_t request, uint64_t argument) {
  return console_tty.control(uint32_t(request), VirtAddr(argument));
}
uint32_t poll_terminal(File&, WaitQueue** wait) {
  if (wait != nullptr) *wait = &console_tty.changes();
  return (console_tty.can_write() ? kPollOut : 0) | (console_has_input() ? kPollIn : 0);
}

constinit CharacterDevice console{
    "console",      kConsoleDevice,   0600,          false, read_terminal,
    write_terminal, control_terminal, poll_terminal, {}};
constinit CharacterDevice serial{
    "ttyS0",        kSerialDevice,    0600,          false, read_terminal,
    write_terminal, control_terminal, poll_terminal, {}};

}  // namespace

void register_terminal_files() {
  register_character_device(console);
  register_character_device(serial);
}

}  // namespace cairn
