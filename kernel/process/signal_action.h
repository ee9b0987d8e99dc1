// What a process does about each signal: the default, nothing, or a handler of its own (rt_sigaction).
// Source: Linux, sigaction(2); arch/x86/include/uapi/asm/signal.h.
#pragma once

#include <cstdint>

#include "process/tree_lock.h"

namespace cairn {

struct Process;

/// Linux's struct kernel_sigaction of x86-64.
struct SignalAction {
  uint64_t handler = 0;
  uint64_t flags = 0;
  uint64_t restorer = 0;
  uint64_t mask = 0;  // blocked while the handler runs

  static constexpr uint64_t kDefault = 0, kIgnore = 1;  // `handler`; all others are functions
  bool is_caught() const { return handler > kIgnore; }
};
static_assert(sizeof(SignalAction) == 32);

/// SignalAction::flags.
enum : uint64_t {
  kNoChildStop = 1,  // SIGCHLD: not of children that stop and go on
  kNoChildWait = 2,  // SIGCHLD: children leave no zombies
  kWithInfo = 4,     // SA_SIGINFO; a handler gets all three arguments in any case
  kExposeTagBits = 0x800,
  kHasRestorer = 0x0400'0000,
  kOnStack = 0x0800'0000,  // on the alternate stack if there is one
  kRestart = 0x1000'0000,  // calls that it interrupts begin again
  kNoDefer = 0x4000'0000,  // it isn't blocked while its handler runs
  kReset = 0x8000'0000,    // its action becomes the default as it is taken
};
inline constexpr uint64_t kActionFlags = kNoChildStop | kNoChildWait | kWithInfo | kExposeTagBits |
                                         kHasRestorer | kOnStack | kRestart | kNoDefer | kReset;

/// Tells the running process's action for a signal if `old` isn't null, and changes it if `change` isn't. What is pending of a
/// signal that is ignored from now on is forgotten. The caller knows that SIGKILL and SIGSTOP can't be changed.
void exchange_signal_action(unsigned signal, const SignalAction* change, SignalAction* old);

/// The action that is to be taken now: a handler that is to run only once is the default from now on.
SignalAction take_action(Process& process, unsigned signal) REQUIRES(process_tree_lock);
/// Makes the default of it, and leaves the flags.
void reset_action(Process& process, unsigned signal) REQUIRES(process_tree_lock);

/// What a forked child has of its parent's: all actions. Its creator's.
void inherit_signal_actions(Process& child, const Process& parent);

/// execve(): the running thread, its process's only one, goes on in another program. Handlers become the default,
/// the alternate stack is gone; what is ignored, pending and blocked stays. Never fails.
void reset_signals_for_exec();

}  // namespace cairn
