#include "process/signal_names.h"

#include <array>

namespace cairn {

namespace {

// Source: Linux, arch/x86/include/uapi/asm/signal.h.
constexpr std::array<const char*, kFirstRealTimeSignal> kNames = {
    "0",    "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
    "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
    "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};

struct CodeName {
  unsigned signal;  // 0: any
  int32_t code;
  const char* name;
};
// Source: sigaction(2), "The si_code field".
constexpr CodeName kCodes[] = {{0, kFromUser, "SI_USER"},
                               {0, kFromKernel, "SI_KERNEL"},
                               {0, kFromQueue, "SI_QUEUE"},
                               {0, -2, "SI_TIMER"},
                               {0, kFromThread, "SI_TKILL"},
                               {kSigSegv, kSegvNoMapping, "SEGV_MAPERR"},
                               {kSigSegv, kSegvForbidden, "SEGV_ACCERR"},
                               {kSigBus, kBusMisaligned, "BUS_ADRALN"},
                               {kSigBus, kBusNoPage, "BUS_ADRERR"},
                               {kSigFpe, kFpeIntegerDivide, "FPE_INTDIV"},
                               {kSigFpe, kFpeDivide, "FPE_FLTDIV"},
                               {kSigFpe, kFpeOverflow, "FPE_FLTOVF"},
                               {kSigFpe, kFpeUnderflow, "FPE_FLTUND"},
                               {kSigFpe, kFpeInexact, "FPE_FLTRES"},
                               {kSigFpe, kFpeInvalid, "FPE_FLTINV"},
                               {kSigIllegal, kIllegalOperand, "ILL_ILLOPN"},
                               {kSigTrap, kTrapStep, "TRAP_TRACE"},
                               {kSigChild, kChildExited, "CLD_EXITED"},
                               {kSigChild, kChildKilled, "CLD_KILLED"},
                               {kSigChild, kChildStopped, "CLD_STOPPED"},
                               {kSigChild, kChildContinued, "CLD_CONTINUED"}};

const char* code_name(const SignalInfo& info) {
  for (const CodeName& each : kCodes) {
    if ((each.signal == 0 || each.signal == info.number()) && each.code == info.code)
      return each.name;
  }
  return nullptr;
}

}  // namespace

SignalName::SignalName(unsigned signal) {
  BufferWriter name(buffer_);
  if (signal >= kFirstRealTimeSignal && signal <= kMaxSignal) {
    print(name, "SIGRT_{}", signal - kFirstRealTimeSignal);
  } else if (signal != 0 && signal < kFirstRealTimeSignal) {
    print(name, "SIG{}", kNames[signal]);
  } else {
    print(name, "{}", int32_t(signal));
  }
  length_ = name.text().size();
}

void print_signal_info(Writer& out, const SignalInfo& info) {
  out.write("{");
  print(out, "si_signo={}, si_code=", SignalName(info.number()).text());
  if (const char* name = code_name(info); name != nullptr) {
    print(out, "{}", name);
  } else {
    print(out, "{}", info.code);
  }
  const bool is_fault = (kFaultSignals & signal_bit(info.number())) != 0 && info.code > 0;
  if (is_fault && info.code != kFromKernel) {
    print(out, ", si_addr={:x}", info.words[0]);
  } else if (info.code != kFromKernel) {
    print(out, ", si_pid={}, si_uid={}", uint32_t(info.words[0]), info.words[0] >> 32);
    if (info.number() == kSigChild && info.code > 0) {
      print(out, ", si_status={}", int32_t(info.words[1]));
    } else if (info.code == kFromQueue) {
      print(out, ", si_value={:x}", info.words[1]);
    }
  }
  out.write("}");
}

}  // namespace cairn
