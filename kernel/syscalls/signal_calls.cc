// kill, rt_sigaction, rt_sigprocmask: default actions, ignoring and blocking. Handlers come with lab C.
#include "address_space/user_copy.h"
#include "process/signal.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

/// Source: Linux, struct kernel_sigaction of x86-64.
struct SignalAction {
  uint64_t handler;
  uint64_t flags;
  uint64_t restorer;
  uint64_t mask;
};
constexpr uint64_t kIgnoreHandler = 1;  // SIG_IGN; 0 is SIG_DFL, all others are functions
constexpr uint64_t kNoChildWait = 2;    // flag SA_NOCLDWAIT
constexpr uint64_t kMaskSize = 8;       // bytes

}  // namespace

int64_t sys_kill(TrapFrame& call) {
  auto pid = int64_t(int32_t(argument0(call)));
  uint64_t signal = argument1(call);
  if (signal > kMaxSignal) return failure(Errno::kEINVAL);
  if (pid <= 0) return failure(Errno::kENOSYS);  // process groups come with lab C
  RefPtr<Process> target = find_process(Pid(uint64_t(pid)));
  if (!target) return failure(Errno::kESRCH);
  if (signal != 0) send_signal(*target, unsigned(signal));
  return 0;
}

int64_t sys_rt_sigaction(TrapFrame& call) {
  uint64_t signal = argument0(call);
  if (signal < 1 || signal > kMaxSignal || argument3(call) != kMaskSize)
    return failure(Errno::kEINVAL);
  Process& process = *current_process();
  uint64_t bit = signal_bit(unsigned(signal));
  SignalAction old{};
  if (process.ignored_signals & bit) old.handler = kIgnoreHandler;
  if (signal == kSigChild && process.reaps_at_once) old.flags = kNoChildWait;
  if (argument1(call) != 0) {
    auto action = read_user<SignalAction>(VirtAddr(argument1(call)));
    if (!action.ok()) return failure(action.error());
    if (signal == kSigKill || signal == kSigStop) return failure(Errno::kEINVAL);
    if (action->handler > kIgnoreHandler) return failure(Errno::kENOSYS);
    if (signal == kSigChild) process.reaps_at_once = (action->flags & kNoChildWait) != 0;
    if (action->handler == kIgnoreHandler) {
      process.ignored_signals.fetch_or(bit);
      process.pending_signals.fetch_and(~bit);
      current_user_thread().pending_signals.fetch_and(~bit);
    } else {
      process.ignored_signals.fetch_and(~bit);
    }
  }
  if (argument2(call) != 0) return to_return(write_user(VirtAddr(argument2(call)), old));
  return 0;
}

int64_t sys_rt_sigprocmask(TrapFrame& call) {
  constexpr uint64_t kBlock = 0, kUnblock = 1, kSetMask = 2;
  if (argument3(call) != kMaskSize) return failure(Errno::kEINVAL);
  uint64_t old = current_user_thread().blocked_signals;
  if (argument1(call) != 0) {
    auto set = read_user<uint64_t>(VirtAddr(argument1(call)));
    if (!set.ok()) return failure(set.error());
    uint64_t mask = old;
    switch (argument0(call)) {
      case kBlock: mask |= *set; break;
      case kUnblock: mask &= ~*set; break;
      case kSetMask: mask = *set; break;
      default: return failure(Errno::kEINVAL);
    }
    set_blocked_signals(mask);
  }
  if (argument2(call) != 0) return to_return(write_user(VirtAddr(argument2(call)), old));
  return 0;
}

}  // namespace cairn
