// Arguments whose kind depends on another one: of fcntl(), ioctl(), prctl(), futex().
#include "process/signal_names.h"
#include "syscalls/decode/flag_names.h"
#include "syscalls/decode/show.h"
#include "syscalls/lab_b/abi.h"
#include "tty/termios.h"

namespace cairn {

namespace {

void write_lock(BufferWriter& out, const abi::FileLock& lock) {
  out.write("{l_type=");
  write_value(out, uint64_t(lock.kind), kLockNames);
  out.write(", l_whence=");
  write_value(out, uint64_t(lock.whence), kWhenceNames);
  print(out, ", l_start={}, l_len={}", lock.start, lock.length);
  if (lock.pid != 0) print(out, ", l_pid={}", lock.pid);
  out.write("}");
}

void write_settings(BufferWriter& out, const Termios& settings) {
  out.write("{");
  print(out, "c_iflag={:x}, c_oflag={:x}, c_cflag={:x}, c_lflag={:x}", settings.input,
        settings.output, settings.control, settings.local);
  print(out, " /* {}icanon {}echo {}isig */", settings.has_local(local_flag::kCanonical) ? "" : "-",
        settings.has_local(local_flag::kEcho) ? "" : "-",
        settings.has_local(local_flag::kSignals) ? "" : "-");
  out.write("}");
}

void write_window(BufferWriter& out, const WindowSize& window) {
  out.write("{");
  print(out, "ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}", window.rows, window.columns,
        window.width, window.height);
  out.write("}");
}

}  // namespace

void show_fcntl_argument(BufferWriter& out, const CallView& call, unsigned index) {
  using namespace abi::fcntl_command;
  const uint64_t argument = call.arguments[index];
  switch (uint32_t(call.arguments[index - 1])) {
    case kGetFd:
    case kGetFlags:
    case kGetOwner:
    case kGetPipeSize: return;  // there is none
    case kSetFd: return write_flags(out, argument, kCloseOnExecNames);
    case kSetFlags: return write_flags(out, argument, kOpenNames);
    case kGetLock:
    case kSetLock:
    case kSetLockWait: return write_structure<abi::FileLock>(out, argument, write_lock);
    default: return show_long(out, call, index);
  }
}

void show_ioctl_argument(BufferWriter& out, const CallView& call, unsigned index) {
  enum : uint64_t {
    kGetSettings = 0x5401,
    kSetSettings = 0x5402,
    kSetSettingsDrain = 0x5403,
    kSetSettingsFlush = 0x5404,
    kGetGroup = 0x540f,
    kSetGroup = 0x5410,
    kGetWindow = 0x5413,
    kSetWindow = 0x5414,
    kCountBytes = 0x541b,
    kSetNonBlocking = 0x5421,
    kGetSession = 0x5429,
  };
  const uint64_t argument = call.arguments[index];
  switch (uint32_t(call.arguments[index - 1])) {
    case kGetSettings:
    case kSetSettings:
    case kSetSettingsDrain:
    case kSetSettingsFlush: return write_structure<Termios>(out, argument, write_settings);
    case kGetWindow:
    case kSetWindow: return write_structure<WindowSize>(out, argument, write_window);
    case kGetGroup:
    case kSetGroup:
    case kGetSession:
    case kCountBytes:
    case kSetNonBlocking: return show_int_at(out, call, index);
    default: return show_hexadecimal(out, call, index);
  }
}

void show_prctl_argument(BufferWriter& out, const CallView& call, unsigned index) {
  enum : uint64_t {
    kSetDeathSignal = 1,
    kGetDeathSignal = 2,
    kSetName = 15,
    kGetName = 16,
    kGetSubreaper = 37
  };
  constexpr uint64_t kNameSize = 15;  // bytes, without the NUL
  switch (uint32_t(call.arguments[index - 1])) {
    case kSetDeathSignal: return show_signal(out, call, index);
    case kSetName:
    case kGetName: return write_string(out, call.arguments[index], kNameSize);
    case kGetDeathSignal:
    case kGetSubreaper: return show_int_at(out, call, index);
    default: return show_size(out, call, index);
  }
}

void show_futex_time(BufferWriter& out, const CallView& call, unsigned index) {
  enum : uint64_t { kWait = 0, kLockPi = 6, kWaitBits = 9 };
  switch (call.arguments[1] & kFutexOperation) {
    case kWait:
    case kLockPi:
    case kWaitBits: return show_timespec(out, call, index);
    default: return show_int(out, call, index);  // how many
  }
}

}  // namespace cairn
