// Sending signals: who gets one, who is woken for it, and what SIGCONT and stops do at once. Acting on them is
// in signal_delivery.cc.
#include "process/signal.h"

#include <bit>

#include "process/child_events.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

/// Whether a thread would take one of these signals.
uint64_t taken_by(const UserThread& thread, uint64_t signals) {
  return signals & (~thread.blocked_signals | thread.awaited_signals);
}

/// Interrupts, for each of these signals, a thread that takes it.
void find_takers(Process& process, uint64_t signals) REQUIRES(process_tree_lock) {
  if (signals == 0) return;
  for (UserThread& thread : process.threads) {
    uint64_t taken = taken_by(thread, signals);
    if (taken == 0) continue;
    interrupt_thread(thread);
    signals &= ~taken;
    if (signals == 0) return;
  }
}

/// A signal that is blocked is kept even if it is ignored: that may have changed when it is unblocked.
bool is_blocked_by_any(Process& process, unsigned signal) REQUIRES(process_tree_lock) {
  for (UserThread& thread : process.threads) {
    if (thread.blocked_signals & signal_bit(signal)) return true;
  }
  return false;
}

/// Lets a stopped process go on; its parent is told if it was SIGCONT that did it.
void continue_process(Process& process, bool tell) REQUIRES(process_tree_lock) {
  if (!process.stopped.exchange(false)) return;
  process.continued.wake_all();
  process.change = tell ? Process::kContinued : Process::kNoChange;
  place_child(process);
  if (!tell) return;
  process.wait_status = 0xffff;
  tell_parent_of_change(process);
}

}  // namespace

bool is_ignored(const Process& process, unsigned signal) {
  uint64_t bit = signal_bit(signal);
  if (process.pid == kInitPid && (process.caught_signals & bit) == 0) return true;
  if ((bit & kUnblockableSignals) != 0 || (process.caught_signals & bit) != 0) return false;
  return (process.ignored_signals & bit) != 0 || default_action(signal) == DefaultAction::kIgnore;
}

void drop_pending(Process& process, uint64_t signals) {
  process.pending.drop(signals);
  for (UserThread& thread : process.threads) thread.pending.drop(signals);
}

void stop_process(Process& process, unsigned signal) {
  if (process.exiting || (process.pending.set() & signal_bit(kSigKill)) != 0) return;
  process.stopped = true;
  process.wait_status = int(signal << 8 | 0x7f);
  process.change = Process::kStopped;
  place_child(process);
  for (UserThread& thread : process.threads) interrupt_thread(thread);
  tell_parent_of_change(process);
}

Result<void> send_signal_locked(Process& process, UserThread* thread, const SignalInfo& info) {
  unsigned signal = info.number();
  uint64_t bit = signal_bit(signal);
  if (process.state != ProcessState::kAlive) return {};
  // Stops and SIGCONT take each other back, whether or not they are ignored: the later one counts.
  if ((bit & kStopSignals) != 0) drop_pending(process, signal_bit(kSigCont));
  if (signal == kSigCont) drop_pending(process, kStopSignals);
  if (signal == kSigCont || signal == kSigKill) continue_process(process, signal == kSigCont);
  if (is_ignored(process, signal) && !is_blocked_by_any(process, signal)) return {};
  PendingSignals& pending = thread != nullptr ? thread->pending : process.pending;
  TRY(pending.add(info, process.limits[kLimitSignals].soft));
  if (thread == nullptr) {
    find_takers(process, bit);
  } else if (taken_by(*thread, bit) != 0) {
    interrupt_thread(*thread);
  }
  return {};
}

Result<void> send_signal_to_each(Process& process, const SignalInfo& info) {
  uint64_t bit = signal_bit(info.number());
  uint64_t undone = bit & kStopSignals ? signal_bit(kSigCont) : 0;
  if (info.number() == kSigCont) undone = kStopSignals;
  for (UserThread& thread : process.threads) {
    if (thread.is_forking) thread.signals_for_child = (thread.signals_for_child & ~undone) | bit;
  }
  return send_signal_locked(process, nullptr, info);
}

void begin_fork(UserThread& thread) {
  IrqGuard guard(process_tree_lock);
  thread.is_forking = true;
  thread.signals_for_child = 0;
}

void end_fork(UserThread& thread, Process* child) {
  thread.is_forking = false;
  if (child == nullptr) return;
  for (uint64_t left = thread.signals_for_child; left != 0; left &= left - 1) {
    SignalInfo info{.signal = std::countr_zero(left) + 1};
    (void)send_signal_locked(*child, nullptr, info);
  }
}

Result<void> send_signal(Process& process, const SignalInfo& info) {
  IrqGuard guard(process_tree_lock);
  return send_signal_locked(process, nullptr, info);
}

void send_signal(Process& process, unsigned signal) {
  (void)send_signal(process, SignalInfo::from_kernel(signal));
}

void send_signal_to_me(const SignalInfo& info) {
  UserThread& me = current_user_thread();
  IrqGuard guard(process_tree_lock);
  (void)send_signal_locked(*me.process, &me, info);
}

bool would_catch(unsigned signal) {
  UserThread& me = current_user_thread();
  return (me.process->caught_signals & ~me.blocked_signals & signal_bit(signal)) != 0;
}

void force_signal(const SignalInfo& info) {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  IrqGuard guard(process_tree_lock);
  bool caught = would_catch(info.number());
  if (!caught) {
    reset_action(process, info.number());
    me.blocked_signals.fetch_and(~signal_bit(info.number()));
  }
  (void)me.pending.add(info, kMaxQueuedSignals);
  me.interrupted = true;
}

void pass_on_signals(Process& process) {
  IrqGuard guard(process_tree_lock);
  find_takers(process, process.pending.set());
}

bool will_end(const UserThread& thread) {
  const Process& process = *thread.process;
  if (must_end(thread)) return true;
  uint64_t ready = deliverable(thread) & ~process.caught_signals;
  for (; ready != 0; ready &= ready - 1) {
    unsigned signal = unsigned(std::countr_zero(ready)) + 1;
    if (default_action(signal) == DefaultAction::kTerminate && !is_ignored(process, signal))
      return true;
  }
  return false;
}

}  // namespace cairn
