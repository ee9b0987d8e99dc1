#include "process/signal.h"

#include <bit>

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

void resume(Process& process) {
  if (!process.stopped.exchange(false)) return;
  process.continued.wake_all();
}

/// Signals that may be acted on now.
uint64_t deliverable(const Process& process) {
  constexpr uint64_t kUnblockable = signal_bit(kSigKill) | signal_bit(kSigStop);
  return process.pending_signals & ~(process.blocked_signals & ~kUnblockable);
}

/// Sleeps until SIGCONT or SIGKILL. The parent is told.
void stop_process(Process& process, unsigned signal) {
  RefPtr<Process> parent;
  {
    IrqGuard guard(process_tree_lock);
    process.stopped = true;
    process.wait_status = int(signal << 8 | 0x7f);
    process.stop_reported = false;
    parent = RefPtr<Process>::share(process.parent);
  }
  if (parent) parent->child_events.wake_all();
  enable_interrupts();
  process.continued.wait_until([&process] {
    return !process.stopped || (process.pending_signals & signal_bit(kSigKill)) != 0;
  });
  process.stopped = false;
  disable_interrupts();
}

void act_on(Process& process, unsigned signal) {
  process.pending_signals.fetch_and(~signal_bit(signal));
  if (is_ignored(process, signal)) return;
  switch (default_action(signal)) {
    case DefaultAction::kTerminate: enable_interrupts(); exit_process(int(signal));
    case DefaultAction::kStop: return stop_process(process, signal);
    case DefaultAction::kIgnore:
    case DefaultAction::kContinue: return;
  }
}

}  // namespace

void send_signal(Process& process, unsigned signal) {
  if (signal == kSigCont || signal == kSigKill) resume(process);
  if (is_ignored(process, signal) && signal != kSigCont) return;
  process.pending_signals.fetch_or(signal_bit(signal));
  if ((deliverable(process) & signal_bit(signal)) == 0) return;
  IrqGuard guard(process_tree_lock);
  if (process.thread != nullptr) interrupt_thread(*process.thread);
}

void prepare_return_to_user(TrapFrame&) {
  Thread& thread = *current_thread();
  Process& process = *thread.process;
  while (true) {
    preempt_if_due();
    if (take_unfinished_item() != nullptr) process.pending_signals.fetch_or(signal_bit(kSigKill));
    thread.interrupted = false;
    uint64_t ready = deliverable(process);
    if (ready == 0) return;
    bool killed = (ready & signal_bit(kSigKill)) != 0;
    act_on(process, killed ? kSigKill : unsigned(std::countr_zero(ready)) + 1);
  }
}

void die_of_fault(unsigned signal, const char* text) {
  Process& process = *current_process();
  enable_interrupts();
  log_warning("process", "pid {} ({}): {}", process.pid, process.name, text);
  exit_process(int(signal));
}

}  // namespace cairn
