// Acting on signals, on the way to user mode. The way costs one look at Thread::interrupted; whoever makes a signal
// pending sets that. Then the thread takes one signal after the other: it enters handlers, whose frames pile up, the
// first taken lowest; stops; or ends.
//
// A system call that ended with EINTR is decided about here: it begins again unless a handler ran that hadn't
// SA_RESTART, or the call isn't one for that.
#include <bit>
#include <utility>

#include "debug/log.h"
#include "debug/unfinished.h"
#include "process/process_group.h"
#include "process/signal.h"
#include "process/signal_frame.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

constexpr uint64_t kSyscallLength = 2;  // bytes, of the instruction

/// Sleeps until SIGCONT, or until the thread must end.
void wait_while_stopped(UserThread& me, Process& process) {
  enable_interrupts();
  process.continued.wait_until([&] { return !process.stopped || must_end(me); });
  disable_interrupts();
}

/// The signal to act on first of those in a set: the end, faults, then by number.
unsigned first_of(uint64_t signals) {
  if (signals & signal_bit(kSigKill)) return kSigKill;
  if (signals & kFaultSignals) signals &= kFaultSignals;
  return unsigned(std::countr_zero(signals)) + 1;
}

/// The signal to act on next, the thread's own before the process's; 0 if there is none (any more). Takes it.
SignalInfo take_next(UserThread& me, Process& process, uint64_t signals)
    REQUIRES(process_tree_lock) {
  for (PendingSignals* pending : {&me.pending, &process.pending}) {
    uint64_t ready = pending->set() & signals;
    if (ready != 0) return pending->take(first_of(ready));
  }
  return {};
}

struct Decision {
  enum { kNothing, kHandle, kEnd } what = kNothing;
  SignalInfo info{};
  SignalAction action{};
};

/// Takes the next signal and finds what is to be done; a stop is done here.
Decision decide(UserThread& me, Process& process) {
  IrqGuard guard(process_tree_lock);
  Decision decision{.info = take_next(me, process, ~me.blocked_signals)};
  unsigned signal = decision.info.number();
  if (signal == 0 || is_ignored(process, signal)) return decision;
  if (process.caught_signals & signal_bit(signal)) {
    decision.what = Decision::kHandle;
    decision.action = take_action(process, signal);
  } else if (default_action(signal) == DefaultAction::kStop) {
    // Nobody could have an orphaned group go on after the terminal stopped it.
    if (signal == kSigStop || !is_orphaned(*process.group)) stop_process(process, signal);
  } else {
    decision.what = Decision::kEnd;
  }
  return decision;
}

/// The interrupted call will be made again: its arguments are where they were.
void rewind_call(TrapFrame& frame) {
  frame.rax = frame.error;
  frame.rip -= kSyscallLength;
}

/// Interrupts on. A frame that can't be written is a fault of the thread's.
void run_handler(UserThread& me, TrapFrame& frame, const Decision& decision, Restart& restart) {
  const SignalAction& action = decision.action;
  bool says_so = restart == Restart::kAsHandlerSays && (action.flags & kRestart) != 0;
  if (says_so || restart == Restart::kAlways) rewind_call(frame);
  restart = Restart::kNone;
  me.deadline_after_stop_ns = 0;
  bool temporary = std::exchange(me.has_mask_after_call, false);
  uint64_t mask = temporary ? me.mask_after_call : me.blocked_signals.load();
  unsigned signal = decision.info.number();
  if (!enter_handler(frame, decision.info, action, mask).ok()) {
    if (signal == kSigSegv) die_of_fault(kSigSegv, "SIGSEGV: no room for its handler's frame");
    return force_signal(SignalInfo::from_kernel(kSigSegv));
  }
  uint64_t more = action.mask | (action.flags & kNoDefer ? 0 : signal_bit(signal));
  set_blocked_signals(me.blocked_signals | more);
}

/// Whatever the running thread was interrupted for.
void attend(UserThread& me, Process& process, TrapFrame& frame, Restart& restart) {
  while (true) {
    if (must_end(me)) {
      enable_interrupts();
      exit_user_thread(0);
    }
    uint64_t ready = deliverable(me);
    if (process.stopped && (ready & signal_bit(kSigKill)) == 0) {
      wait_while_stopped(me, process);
      continue;
    }
    if (ready == 0) return;
    Decision decision = decide(me, process);
    if (decision.what == Decision::kNothing) continue;
    enable_interrupts();
    tell_signal(decision.info, decision.what == Decision::kEnd);
    if (decision.what == Decision::kEnd) exit_process(int(decision.info.number()));
    run_handler(me, frame, decision, restart);
    disable_interrupts();
  }
}

}  // namespace

void set_blocked_signals(uint64_t mask) {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  me.blocked_signals = mask & ~kUnblockableSignals;
  if (deliverable(me) != 0) me.interrupted = true;
  if ((process.pending.set() & me.blocked_signals) != 0) pass_on_signals(process);
}

void set_temporary_mask(uint64_t mask) {
  UserThread& me = current_user_thread();
  me.mask_after_call = me.blocked_signals;
  me.has_mask_after_call = true;
  set_blocked_signals(mask);
}

void leave_temporary_mask() {
  UserThread& me = current_user_thread();
  if (!std::exchange(me.has_mask_after_call, false)) return;
  set_blocked_signals(me.mask_after_call);
}

Result<SignalInfo> wait_for_signal(uint64_t set, uint64_t deadline_ns) {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  set &= ~kUnblockableSignals;
  SignalInfo info;
  auto take = [&] {
    IrqGuard guard(process_tree_lock);
    info = take_next(me, process, set);
    return info.signal != 0;
  };
  if (deadline_ns == 0) return take() ? Result<SignalInfo>(info) : Errno::kEAGAIN;
  me.awaited_signals = set;
  WaitQueue nobody_wakes("signal");
  auto waited = nobody_wakes.wait_until_interruptible(take, deadline_ns);
  me.awaited_signals = 0;
  // Those that came for this wait and weren't taken by it.
  if ((process.pending.set() & set) != 0) pass_on_signals(process);
  TRY(waited);
  return info;
}

void prepare_return_to_user(TrapFrame& frame, Restart restart) {
  UserThread& me = current_user_thread();
  preempt_if_due();
  while (me.interrupted.load()) {
    me.interrupted = false;
    if (take_unfinished_item() != nullptr) {
      enable_interrupts();
      exit_process(int(kSigKill));
    }
    attend(me, *me.process, frame, restart);
    leave_temporary_mask();
    preempt_if_due();
  }
  // No handler ran.
  if (restart != Restart::kNone && restart != Restart::kNever) rewind_call(frame);
}

void die_of_fault(unsigned signal, const char* text) {
  Process& process = *current_process();
  enable_interrupts();
  log_warning("process", "pid {} ({}): {}", process.pid, process.name, text);
  exit_process(int(signal));
}

}  // namespace cairn
