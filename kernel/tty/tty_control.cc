// What ioctl() does with a terminal. Source: Linux, ioctl_tty(2) and include/uapi/asm-generic/ioctls.h.
#include "address_space/user_copy.h"
#include "tty/tty.h"

namespace cairn {

namespace {

enum TtyRequest : uint32_t {
  kGetSettings = 0x5401,
  kSetSettings = 0x5402,
  kSetSettingsAfterOutput = 0x5403,
  kSetSettingsAndFlush = 0x5404,
  kSendBreak = 0x5409,
  kSetFlow = 0x540a,
  kFlush = 0x540b,
  kOutputQueue = 0x5411,
  kGetWindow = 0x5413,
  kSetWindow = 0x5414,
  kInputQueue = 0x541b,
  kDrainBreak = 0x5425,
};

}  // namespace

uint64_t Tty::readable_bytes() {
  IrqGuard guard(lock_);
  return discipline_.bytes();
}

/// tcflush().
Result<void> Tty::flush(uint64_t which) {
  constexpr uint64_t kInput = 0, kOutput = 1, kBoth = 2;
  if (which > kBoth) return Errno::kEINVAL;
  {
    IrqGuard guard(lock_);
    if (which != kOutput) discipline_.clear_input();
    device_.notice(uint8_t((which != kOutput ? packet::kFlushRead : 0) |
                           (which != kInput ? packet::kFlushWrite : 0)));
  }
  take_typed();
  return {};
}

/// tcflow().
Result<void> Tty::set_flow(uint64_t action) {
  constexpr uint64_t kStopOutput = 0, kStartOutput = 1, kSendStop = 2, kSendStart = 3;
  if (action > kSendStart) return Errno::kEINVAL;
  {
    IrqGuard guard(lock_);
    if (action <= kStartOutput && discipline_.stopped() != (action == kStopOutput)) {
      discipline_.set_stopped(action == kStopOutput);
      device_.notice(action == kStopOutput ? packet::kStop : packet::kStart);
    }
    if (!discipline_.stopped()) show_held();
    if (action >= kSendStop) {
      const Termios& settings = discipline_.settings();
      auto key = char(settings.key(action == kSendStop ? TtyKey::kStop : TtyKey::kStart));
      if (key != 0) device_.transmit({&key, 1});
    }
  }
  changes_.wake_all();
  return {};
}

Result<int64_t> Tty::control(uint32_t request, VirtAddr argument, uint64_t connection) {
  if (is_lost(connection)) return Errno::kEIO;
  switch (request) {
    case kGetSettings: TRY(write_user(argument, settings())); break;
    case kSetSettings:
    case kSetSettingsAfterOutput:  // a write() returns when the device has it all
    case kSetSettingsAndFlush: {
      TRY(check_foreground(kSigTerminalOutput));
      auto wanted = TRY(read_user<Termios>(argument));
      change(wanted, request == kSetSettingsAndFlush);
      break;
    }
    case kGetWindow: TRY(write_user(argument, window())); break;
    case kSetWindow: set_window(TRY(read_user<WindowSize>(argument))); break;
    case kInputQueue: TRY(write_user(argument, int32_t(readable_bytes()))); break;
    case kOutputQueue: TRY(write_user(argument, int32_t(0))); break;  // the device has it all
    case kFlush:
      TRY(check_foreground(kSigTerminalOutput));
      TRY(flush(argument.value));
      break;
    case kSetFlow:
      TRY(check_foreground(kSigTerminalOutput));
      TRY(set_flow(argument.value));
      break;
    case kSendBreak:
    case kDrainBreak:
      TRY(check_foreground(kSigTerminalOutput));
      break;  // nothing to wait for, and nobody to break
    default: return control_jobs(request, argument);
  }
  return int64_t(0);
}

}  // namespace cairn
