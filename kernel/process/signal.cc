#include "process/signal.h"

#include <bit>
#include <utility>

#include "debug/log.h"
#include "debug/unfinished.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

enum class DefaultAction { kTerminate, kIgnore, kStop, kContinue };

DefaultAction default_action(unsigned signal) {
  switch (signal) {
    case kSigChild:
    case 23 /* URG */:
    case 28 /* WINCH */: return DefaultAction::kIgnore;
    case kSigStop:
    case 20 /* TSTP */:
    case 21 /* TTIN */:
    case 22 /* TTOU */: return DefaultAction::kStop;
    case kSigCont: return DefaultAction::kContinue;
    default: return DefaultAction::kTerminate;
  }
}

bool is_ignored(const Process& process, unsigned signal) {
  if (signal == kSigKill || signal == kSigStop) return false;
  if (process.ignored_signals & signal_bit(signal)) return true;
  return default_action(signal) == DefaultAction::kIgnore;
}

constexpr uint64_t kUnblockable = signal_bit(kSigKill) | signal_bit(kSigStop);

/// Signals that a thread may act on now.
uint64_t deliverable(const UserThread& thread, const Process& process) {
  return (thread.pending_signals | process.pending_signals) & ~thread.blocked_signals;
}

constexpr uint64_t kStopSignals =
    signal_bit(kSigStop) | signal_bit(20) | signal_bit(21) | signal_bit(22);

void drop_pending(Process& process, uint64_t signals) REQUIRES(process_tree_lock) {
  process.pending_signals.fetch_and(~signals);
  for (UserThread& thread : process.threads) thread.pending_signals.fetch_and(~signals);
}

/// Sleeps until SIGCONT, or until the process ends.
void wait_while_stopped(Process& process) {
  enable_interrupts();
  process.continued.wait_until([&process] { return !process.stopped || process.exiting; });
  disable_interrupts();
}

/// Takes a pending signal out of where it is; false if another thread was faster.
bool take(UserThread& thread, Process& process, unsigned signal) {
  uint64_t bit = signal_bit(signal);
  return (thread.pending_signals.fetch_and(~bit) & bit) != 0 ||
         (process.pending_signals.fetch_and(~bit) & bit) != 0;
}

/// Stops all threads on their way to user mode, unless the signal was taken back meanwhile (SIGCONT). The
/// parent is told.
void stop_process(UserThread& me, Process& process, unsigned signal) {
  RefPtr<Process> parent;
  {
    IrqGuard guard(process_tree_lock);
    if (!take(me, process, signal) || is_ignored(process, signal)) return;
    if (process.exiting || process.pending_signals & signal_bit(kSigKill)) return;
    process.stopped = true;
    process.wait_status = int(signal << 8 | 0x7f);
    process.change = Process::kStopped;
    place_child(process);
    parent = RefPtr<Process>::share(process.parent);
    for (UserThread& thread : process.threads) interrupt_thread(thread);
  }
  if (parent) parent->child_events.wake_all();
}

/// Lets a stopped process go on; its parent is told if it was SIGCONT that did it.
void continue_process(Process& process, bool tell) REQUIRES(process_tree_lock) {
  if (!process.stopped.exchange(false)) return;
  process.continued.wake_all();
  process.change = tell ? Process::kContinued : Process::kNoChange;
  place_child(process);
  if (!tell) return;
  process.wait_status = 0xffff;
  if (process.parent != nullptr) process.parent->child_events.wake_all();
}

/// Has a thread act on what is pending for the process.
void find_taker(Process& process) REQUIRES(process_tree_lock) {
  for (UserThread& thread : process.threads) {
    if (deliverable(thread, process) == 0) continue;
    interrupt_thread(thread);
    return;
  }
}

void act_on(UserThread& thread, Process& process, unsigned signal) {
  DefaultAction action = default_action(signal);
  if (action == DefaultAction::kStop) return stop_process(thread, process, signal);
  if (!take(thread, process, signal) || is_ignored(process, signal)) return;
  if (action != DefaultAction::kTerminate) return;
  enable_interrupts();
  exit_process(int(signal));
}

/// Whatever the running thread was interrupted for.
void attend(UserThread& thread, Process& process) {
  while (true) {
    if (process.exiting) {
      enable_interrupts();
      exit_user_thread(0);
    }
    uint64_t ready = deliverable(thread, process);
    bool killed = (ready & signal_bit(kSigKill)) != 0;
    if (process.stopped && !killed) {
      wait_while_stopped(process);
    } else if (ready == 0) {
      return;
    } else {
      unsigned signal = killed ? kSigKill : unsigned(std::countr_zero(ready)) + 1;
      act_on(thread, process, signal);
    }
  }
}

}  // namespace

void send_signal(Process& process, unsigned signal) {
  IrqGuard guard(process_tree_lock);
  // Stops and SIGCONT take each other back, whether or not they are ignored: the later one counts.
  if (default_action(signal) == DefaultAction::kStop) drop_pending(process, signal_bit(kSigCont));
  if (signal == kSigCont) drop_pending(process, kStopSignals);
  if (signal == kSigCont || signal == kSigKill) continue_process(process, signal == kSigCont);
  if (is_ignored(process, signal)) return;
  process.pending_signals.fetch_or(signal_bit(signal));
  find_taker(process);
}

void pass_on_signals(Process& process) {
  IrqGuard guard(process_tree_lock);
  find_taker(process);
}

bool will_end(const UserThread& thread) {
  const Process& process = *thread.process;
  if (process.exiting) return true;
  for (uint64_t ready = deliverable(thread, process); ready != 0; ready &= ready - 1) {
    unsigned signal = unsigned(std::countr_zero(ready)) + 1;
    if (default_action(signal) == DefaultAction::kTerminate && !is_ignored(process, signal))
      return true;
  }
  return false;
}

void set_blocked_signals(uint64_t mask) {
  UserThread& thread = current_user_thread();
  Process& process = *thread.process;
  thread.blocked_signals = mask & ~kUnblockable;
  if (deliverable(thread, process) != 0) thread.interrupted = true;
  if ((process.pending_signals & thread.blocked_signals) != 0) pass_on_signals(process);
}

void set_temporary_mask(uint64_t mask) {
  UserThread& thread = current_user_thread();
  thread.mask_after_call = thread.blocked_signals;
  thread.has_mask_after_call = true;
  set_blocked_signals(mask);
}

void leave_temporary_mask() {
  UserThread& thread = current_user_thread();
  if (!std::exchange(thread.has_mask_after_call, false)) return;
  set_blocked_signals(thread.mask_after_call);
}

void prepare_return_to_user(TrapFrame&) {
  UserThread& thread = current_user_thread();
  preempt_if_due();
  while (thread.interrupted.load()) {
    thread.interrupted = false;
    if (take_unfinished_item() != nullptr) thread.pending_signals.fetch_or(signal_bit(kSigKill));
    attend(thread, *thread.process);
    leave_temporary_mask();
    preempt_if_due();
  }
}

void die_of_fault(unsigned signal, const char* text) {
  Process& process = *current_process();
  enable_interrupts();
  log_warning("process", "pid {} ({}): {}", process.pid, process.name, text);
  exit_process(int(signal));
}

}  // namespace cairn
