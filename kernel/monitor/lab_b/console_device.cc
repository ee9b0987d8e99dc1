#include "monitor/lab_b/console_device.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "drivers/uart.h"
#include "monitor/console.h"
#include "special_files/device_file.h"

namespace cairn {

namespace {

constexpr size_t kPiece = 256;  // bytes moved at a time

/// A line at a time, as a terminal gives it. 0 at ^D.
Result<uint64_t> read_console(File& file, IoBuffer& buffer, uint64_t) {
  if (buffer.left() == 0) return uint64_t(0);
  if (file.non_blocking() && !console_has_input()) return Errno::kEAGAIN;
  char line[kPiece];
  uint64_t room = std::min<uint64_t>(buffer.left(), sizeof(line));
  size_t length = TRY(read_console_line({line, room}));
  TRY(buffer.put(line, length));
  return uint64_t(length);
}

Result<uint64_t> write_console_file(File&, IoBuffer& buffer, uint64_t) {
  return write_console(buffer);
}

// Source: Linux, include/uapi/asm-generic/{ioctls,termbits,termios}.h.
constexpr uint64_t kGetSettings = 0x5401, kGetWindowSize = 0x5413;

struct Settings {
  uint32_t input, output, control, local;
  uint8_t line;
  uint8_t characters[19];
};
struct WindowSize {
  uint16_t rows, columns, width, height;
};

/// How read_console_line() treats what is typed: whole lines, echo, erasing, ^C; that can't be changed.
constexpr Settings kSettings{
    .input = 0000400,                                          // ICRNL: Enter sends \n
    .output = 0000001 | 0000004,                               // OPOST, ONLCR: \n is shown as \r\n
    .control = 0000060 | 0000200,                              // CS8, CREAD
    .local = 0000001 | 0000002 | 0000010 | 0000020 | 0000040,  // ISIG, ICANON, ECHO, ECHOE, ECHOK
    .line = 0,
    .characters = {3, 0, 0x7f, 21, 4},  // VINTR, VQUIT (none), VERASE, VKILL, VEOF
};

Result<int64_t> control_console(File&, uint64_t request, uint64_t argument) {
  switch (request) {
    case kGetSettings: TRY(write_user(VirtAddr(argument), kSettings)); break;
    // A serial line doesn't know: Linux says 0 by 0, too.
    case kGetWindowSize: TRY(write_user(VirtAddr(argument), WindowSize{})); break;
    default: return Errno::kENOTTY;
  }
  return int64_t(0);
}

uint32_t poll_console(File&, WaitQueue** wait) {
  if (wait != nullptr) *wait = &console_uart.arrivals();
  return kPollOut | (console_has_input() ? kPollIn : 0);
}

constinit CharacterDevice console{"console",       kConsoleDevice, 0600,
                                  false,           read_console,   write_console_file,
                                  control_console, poll_console,   {}};

}  // namespace

void register_console_device() { register_character_device(console); }

}  // namespace cairn
