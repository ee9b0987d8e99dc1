// Signals by number, what they do where nobody says otherwise, and what is told with them (siginfo_t).
// Source: POSIX.1-2017, "Signal Concepts"; Linux, signal(7), include/uapi/asm-generic/siginfo.h.
#pragma once

#include <cstdint>

namespace cairn {

inline constexpr unsigned kSigHangup = 1;
inline constexpr unsigned kSigInterrupt = 2;
inline constexpr unsigned kSigQuit = 3;
inline constexpr unsigned kSigIllegal = 4;
inline constexpr unsigned kSigTrap = 5;
inline constexpr unsigned kSigBus = 7;
inline constexpr unsigned kSigFpe = 8;
inline constexpr unsigned kSigKill = 9;
inline constexpr unsigned kSigSegv = 11;
inline constexpr unsigned kSigPipe = 13;
inline constexpr unsigned kSigAlarm = 14;
inline constexpr unsigned kSigChild = 17;
inline constexpr unsigned kSigCont = 18;
inline constexpr unsigned kSigStop = 19;
inline constexpr unsigned kSigTerminalStop = 20;
inline constexpr unsigned kSigTerminalInput = 21;
inline constexpr unsigned kSigTerminalOutput = 22;
inline constexpr unsigned kSigUrgent = 23;
inline constexpr unsigned kSigCpuLimit = 24;
inline constexpr unsigned kSigFileSize = 25;
inline constexpr unsigned kSigVirtualAlarm = 26;
inline constexpr unsigned kSigProfile = 27;
inline constexpr unsigned kSigWindow = 28;
inline constexpr unsigned kSigBadCall = 31;
/// From here on signals are queued, as often as they are sent; C libraries keep 32 and 33 for themselves.
inline constexpr unsigned kFirstRealTimeSignal = 32;
inline constexpr unsigned kMaxSignal = 64;

/// Sets of signals: bit n-1 is signal n.
constexpr uint64_t signal_bit(unsigned signal) { return 1ull << (signal - 1); }

/// Neither blocked, caught nor ignored.
inline constexpr uint64_t kUnblockableSignals = signal_bit(kSigKill) | signal_bit(kSigStop);
inline constexpr uint64_t kStopSignals = signal_bit(kSigStop) | signal_bit(kSigTerminalStop) |
                                         signal_bit(kSigTerminalInput) |
                                         signal_bit(kSigTerminalOutput);
/// What an instruction of the thread itself brings: acted on before others, so that the handler sees its place.
inline constexpr uint64_t kFaultSignals = signal_bit(kSigSegv) | signal_bit(kSigBus) |
                                          signal_bit(kSigIllegal) | signal_bit(kSigTrap) |
                                          signal_bit(kSigFpe) | signal_bit(kSigBadCall);

enum class DefaultAction : uint8_t { kTerminate, kIgnore, kStop };

/// SIGCONT is ignored here: what it does to a stopped process it does as it is sent.
constexpr DefaultAction default_action(unsigned signal) {
  constexpr uint64_t kIgnored = signal_bit(kSigChild) | signal_bit(kSigCont) |
                                signal_bit(kSigUrgent) | signal_bit(kSigWindow);
  if (kStopSignals & signal_bit(signal)) return DefaultAction::kStop;
  return kIgnored & signal_bit(signal) ? DefaultAction::kIgnore : DefaultAction::kTerminate;
}

/// SignalInfo::code: where a signal comes from. What programs may say of themselves is below 0.
enum SignalCode : int32_t {
  kFromUser = 0,  // kill()
  kFromKernel = 0x80,
  kFromQueue = -1,     // sigqueue()
  kFromThread = -6,    // tkill(), tgkill()
  kSegvNoMapping = 1,  // SIGSEGV: nothing is there
  kSegvForbidden = 2,
  kBusMisaligned = 1,
  kBusNoPage = 2,
  kFpeIntegerDivide = 1,
  kFpeDivide = 3,
  kFpeOverflow = 4,
  kFpeUnderflow = 5,
  kFpeInexact = 6,
  kFpeInvalid = 7,
  kIllegalOperand = 2,
  kTrapStep = 2,
  kChildExited = 1,  // SIGCHLD
  kChildKilled = 2,
  kChildStopped = 5,
  kChildContinued = 6,
};

/// The part of Linux's siginfo_t that has a meaning: its first 48 bytes.
struct SignalInfo {
  int32_t signal = 0;
  int32_t error = 0;
  int32_t code = 0;
  int32_t padding = 0;
  // By code: a sender's pid and uid, and his value; an address; or a child's pid, uid, status and times.
  uint64_t words[4] = {};

  /// From the kernel, which tells nothing more.
  static constexpr SignalInfo from_kernel(unsigned signal) {
    return {int32_t(signal), 0, kFromKernel, 0, {}};
  }
  static constexpr SignalInfo from_process(unsigned signal, int32_t code, uint64_t pid,
                                           uint64_t uid) {
    return {int32_t(signal), 0, code, 0, {pid | uid << 32}};
  }
  static constexpr SignalInfo fault(unsigned signal, int32_t code, uint64_t address) {
    return {int32_t(signal), 0, code, 0, {address}};
  }
  unsigned number() const { return unsigned(signal); }
};
static_assert(sizeof(SignalInfo) == 48);
inline constexpr uint64_t kUserSignalInfoSize = 128;  // bytes of siginfo_t; the rest is zero

}  // namespace cairn
