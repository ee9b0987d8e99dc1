#include "process/signal_action.h"

#include <bit>

#include "process/process.h"
#include "process/signal.h"

namespace cairn {

namespace {

/// Keeps the sets that are read without the lock in step with the actions.
void set_action(Process& process, unsigned signal, const SignalAction& action)
    REQUIRES(process_tree_lock) {
  uint64_t bit = signal_bit(signal);
  process.actions[signal - 1] = action;
  process.set_actions |= bit;
  auto put = [bit](std::atomic<uint64_t>& set, bool is_in) {
    uint64_t now = set.load(std::memory_order_relaxed), wanted = is_in ? now | bit : now & ~bit;
    if (now != wanted) set = wanted;
  };
  put(process.ignored_signals, action.handler == SignalAction::kIgnore);
  put(process.caught_signals, action.is_caught());
}

}  // namespace

void exchange_signal_action(unsigned signal, const SignalAction* change, SignalAction* old) {
  Process& process = *current_process();
  IrqGuard guard(process_tree_lock);
  if (old != nullptr) *old = process.actions[signal - 1];
  if (change == nullptr) return;
  SignalAction action = *change;
  action.flags &= kActionFlags;
  action.mask &= ~kUnblockableSignals;
  set_action(process, signal, action);
  if (!action.is_caught() && is_ignored(process, signal)) drop_pending(process, signal_bit(signal));
}

void inherit_signal_actions(Process& child, const Process& parent) {
  IrqGuard guard(process_tree_lock);
  for (uint64_t left = parent.set_actions; left != 0; left &= left - 1) {
    unsigned index = unsigned(std::countr_zero(left));
    child.actions[index] = parent.actions[index];
  }
  child.set_actions = parent.set_actions;
  child.ignored_signals = parent.ignored_signals.load();
  child.caught_signals = parent.caught_signals.load();
}

SignalAction take_action(Process& process, unsigned signal) {
  SignalAction action = process.actions[signal - 1];
  if (action.flags & kReset) reset_action(process, signal);
  return action;
}

void reset_action(Process& process, unsigned signal) {
  SignalAction action = process.actions[signal - 1];
  action.handler = SignalAction::kDefault;
  set_action(process, signal, action);
}

void reset_signals_for_exec() {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  me.alternate_stack = {};
  IrqGuard guard(process_tree_lock);
  for (unsigned signal = 1; signal <= kMaxSignal; signal++) {
    SignalAction& action = process.actions[signal - 1];
    action = {.handler = action.handler == SignalAction::kIgnore ? action.handler
                                                                 : SignalAction::kDefault};
  }
  process.set_actions = process.ignored_signals;
  process.caught_signals = 0;
}

}  // namespace cairn
