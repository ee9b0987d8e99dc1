// What a process does about signals: actions, masks, waiting, the alternate stack, the way back from a handler.
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "process/signal.h"
#include "process/signal_frame.h"
#include "syscalls/arguments.h"
#include "syscalls/restart.h"
#include "syscalls/table.h"
#include "syscalls/time_values.h"

namespace cairn {

namespace {

constexpr uint64_t kMaskSize = 8;  // bytes

/// Sleeps until a signal is to be acted on.
Errno wait_for_any() {
  WaitQueue nobody_wakes("signal");
  return nobody_wakes.wait_until_interruptible([] { return false; }).error();
}

}  // namespace

int64_t sys_rt_sigaction(TrapFrame& call) {
  uint64_t signal = uint32_t(argument0(call));
  if (argument3(call) != kMaskSize) return failure(Errno::kEINVAL);
  SignalAction action;
  bool changes = argument1(call) != 0;
  if (changes) {
    auto read = copy_from_user(&action, VirtAddr(argument1(call)), sizeof(action));
    if (!read.ok()) return failure(read.error());
  }
  if (signal < 1 || signal > kMaxSignal) return failure(Errno::kEINVAL);
  if (changes && (kUnblockableSignals & signal_bit(unsigned(signal))) != 0)
    return failure(Errno::kEINVAL);
  SignalAction old;
  bool asks = argument2(call) != 0;
  exchange_signal_action(unsigned(signal), changes ? &action : nullptr, asks ? &old : nullptr);
  return asks ? to_return(write_user(VirtAddr(argument2(call)), old)) : 0;
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

int64_t sys_rt_sigpending(TrapFrame& call) {
  uint64_t size = argument1(call);
  if (size > kMaskSize) return failure(Errno::kEINVAL);
  const UserThread& me = current_user_thread();
  uint64_t set = (me.pending.set() | me.process->pending.set()) & me.blocked_signals;
  return to_return(copy_to_user(VirtAddr(argument0(call)), &set, size));
}

int64_t sys_rt_sigsuspend(TrapFrame& call) {
  if (argument1(call) != kMaskSize) return failure(Errno::kEINVAL);
  auto mask = read_user<uint64_t>(VirtAddr(argument0(call)));
  if (!mask.ok()) return failure(mask.error());
  set_temporary_mask(*mask);
  return failure(wait_for_any());
}

int64_t sys_pause(TrapFrame&) { return failure(wait_for_any()); }

int64_t sys_rt_sigtimedwait(TrapFrame& call) {
  if (argument3(call) != kMaskSize) return failure(Errno::kEINVAL);
  auto set = read_user<uint64_t>(VirtAddr(argument0(call)));
  if (!set.ok()) return failure(set.error());
  uint64_t deadline = kNoDeadline;
  if (argument2(call) != 0) {
    auto ns = read_timespec(argument2(call));
    if (!ns.ok()) return failure(ns.error());
    deadline = *ns == 0 ? 0 : deadline_after(*ns);
  }
  auto found = wait_for_signal(*set, deadline);
  if (!found.ok()) return failure(found.error());
  if (argument1(call) != 0) {
    char whole[kUserSignalInfoSize] = {};
    memcpy(whole, &*found, sizeof(*found));
    auto stored = copy_to_user(VirtAddr(argument1(call)), whole, sizeof(whole));
    if (!stored.ok()) return failure(stored.error());
  }
  return int64_t(found->number());
}

int64_t sys_sigaltstack(TrapFrame& call) {
  UserThread& me = current_user_thread();
  UserStack old = describe_alternate_stack(me, call.rsp);
  if (argument0(call) != 0) {
    auto stack = read_user<UserStack>(VirtAddr(argument0(call)));
    if (!stack.ok()) return failure(stack.error());
    auto set = set_alternate_stack(me, *stack, call.rsp);
    if (!set.ok()) return failure(set.error());
  }
  if (argument1(call) != 0) return to_return(write_user(VirtAddr(argument1(call)), old));
  return 0;
}

/// All registers are the frame's, rax too, and interrupting the thread has them all restored.
int64_t sys_rt_sigreturn(TrapFrame& call) {
  call.error = kNoCall;
  if (!leave_handler(call).ok()) force_signal(SignalInfo::from_kernel(kSigSegv));
  current_thread()->interrupted = true;
  return int64_t(call.rax);
}

}  // namespace cairn
