// Signals, with their default actions. Handlers come with lab C.
// Source: POSIX.1-2017, "Signal Concepts"; Linux, signal(7).
#pragma once

#include "process/process.h"

namespace cairn {

inline constexpr unsigned kSigInterrupt = 2;
inline constexpr unsigned kSigIllegal = 4;
inline constexpr unsigned kSigTrap = 5;
inline constexpr unsigned kSigBus = 7;
inline constexpr unsigned kSigFpe = 8;
inline constexpr unsigned kSigKill = 9;
inline constexpr unsigned kSigSegv = 11;
inline constexpr unsigned kSigChild = 17;
inline constexpr unsigned kSigCont = 18;
inline constexpr unsigned kSigStop = 19;
inline constexpr unsigned kMaxSignal = 64;

constexpr uint64_t signal_bit(unsigned signal) { return 1ull << (signal - 1); }

/// Makes the signal pending for the process and interrupts a wait of one of its threads that will act on it. Any
/// context; no locks but of rank above process_tree_lock's.
void send_signal(Process& process, unsigned signal) EXCLUDES(process_tree_lock);

/// Changes the running thread's signal mask, but for SIGKILL and SIGSTOP, which can't be blocked. What became
/// deliverable is acted on before it returns to user mode; what it blocks from now on, other threads may take.
void set_blocked_signals(uint64_t mask) EXCLUDES(process_tree_lock);

/// ppoll(), pselect6(): another mask for the rest of a system call. leave_temporary_mask() ends that; a call that a
/// signal interrupted doesn't call it, and the mask stays until, on the way to user mode, the result is in the frame
/// and that signal was acted on.
void set_temporary_mask(uint64_t mask) EXCLUDES(process_tree_lock);
void leave_temporary_mask() EXCLUDES(process_tree_lock);

/// Has another thread act on what is pending for the process: after the running thread left it, or blocks more.
void pass_on_signals(Process& process) EXCLUDES(process_tree_lock);

/// Whether the thread is going to end before it returns to user mode: its process ends, or a signal that does
/// that is pending. For waits that nothing else may cut short. Any context.
bool will_end(const UserThread& thread);

/// Before any return to user mode: reschedules if due, acts on pending signals, ends a thread whose process ends.
/// Interrupts off, comes back with them off. May sleep (stop).
void prepare_return_to_user(TrapFrame& frame);

/// The running process did something that ends it: prints the one line, then dies of `signal`.
[[noreturn]] void die_of_fault(unsigned signal, const char* text);

}  // namespace cairn
