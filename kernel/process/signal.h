// Sending signals and acting on them.
// Source: POSIX.1-2017, "Signal Concepts"; Linux, signal(7).
#pragma once

#include "process/process.h"

namespace cairn {

/// Makes the signal pending for the process, or for one of its threads alone, and interrupts a wait of a thread that
/// will act on it. Nothing if it is ignored. Any context; no locks but of rank above process_tree_lock's. EAGAIN: a
/// real-time signal, not from kill(), finds the queues full.
Result<void> send_signal(Process& process, const SignalInfo& info) EXCLUDES(process_tree_lock);
Result<void> send_signal_locked(Process& process, UserThread* thread, const SignalInfo& info)
    REQUIRES(process_tree_lock);
/// As send_signal(), from the kernel, which has nothing to tell.
void send_signal(Process& process, unsigned signal) EXCLUDES(process_tree_lock);
/// As send_signal_locked(), to one of many processes that get it together: what it is just forking gets it, too, so that none of a
/// group escapes.
Result<void> send_signal_to_each(Process& process, const SignalInfo& info)
    REQUIRES(process_tree_lock);
/// A thread forks from here on; end_fork() gives the child, if there is one, what came meanwhile.
void begin_fork(UserThread& thread) EXCLUDES(process_tree_lock);
void end_fork(UserThread& thread, Process* child) REQUIRES(process_tree_lock);
/// To the running thread, for what it did itself (SIGPIPE).
void send_signal_to_me(const SignalInfo& info) EXCLUDES(process_tree_lock);

/// To the running thread, which can't go on without: if the signal is blocked or ignored, it ends the process.
void force_signal(const SignalInfo& info) EXCLUDES(process_tree_lock);
/// Whether the running thread has a handler that force_signal() would run.
bool would_catch(unsigned signal);

/// Whether a signal of this number does nothing when it is acted on now.
bool is_ignored(const Process& process, unsigned signal);
/// Forgets what is pending for the process and each of its threads.
void drop_pending(Process& process, uint64_t signals) REQUIRES(process_tree_lock);

/// Signals that a thread may act on now.
inline uint64_t deliverable(const UserThread& thread) {
  return (thread.pending.set() | thread.process->pending.set()) & ~thread.blocked_signals;
}

/// Changes the running thread's signal mask, but for SIGKILL and SIGSTOP, which can't be blocked. What became
/// deliverable is acted on before it returns to user mode; what it blocks from now on, other threads may take.
void set_blocked_signals(uint64_t mask) EXCLUDES(process_tree_lock);

/// ppoll(), pselect6(), sigsuspend(): another mask for the rest of a system call. leave_temporary_mask() ends that; a
/// call that a signal interrupted doesn't call it, and the mask stays until, on the way to user mode, the result is
/// in the frame and that signal was acted on.
void set_temporary_mask(uint64_t mask) EXCLUDES(process_tree_lock);
void leave_temporary_mask() EXCLUDES(process_tree_lock);

/// Takes the first pending signal of a set, blocked or not; waits for one until `deadline_ns` (monotonic; 0: not at
/// all). EAGAIN: none came; EINTR: another was to be acted on.
Result<SignalInfo> wait_for_signal(uint64_t set, uint64_t deadline_ns) EXCLUDES(process_tree_lock);

/// Has other threads act on what is pending for the process: after the running thread left it, or blocks more.
void pass_on_signals(Process& process) EXCLUDES(process_tree_lock);

/// Stops all threads on their way to user mode; its parent is told.
void stop_process(Process& process, unsigned signal) REQUIRES(process_tree_lock);

/// Whether the thread ends on its next way to user mode, whatever its signals: its process ends, or another thread of
/// it runs a new program. Any context.
inline bool must_end(const UserThread& thread) {
  const UserThread* only = thread.process->only_thread;
  return thread.process->exiting || (only != nullptr && only != &thread);
}
/// Whether the thread is going to end before it returns to user mode: as above, or a signal that ends
/// it is pending. For waits that nothing else may cut short. Any context.
bool will_end(const UserThread& thread);

/// What becomes of a system call that ended with EINTR (syscalls/restart.h).
enum class Restart : uint8_t {
  kNone,           // it didn't, or there was no call
  kAlways,         // begins again: fork
  kAsHandlerSays,  // begins again, but after handlers without SA_RESTART
  kUnlessHandled,  // begins again if no handler ran
  kNever
};

/// Before any return to user mode: reschedules if due, acts on pending signals, ends a thread whose process ends.
/// Interrupts off, comes back with them off. May sleep (a stop; a handler's frame).
void prepare_return_to_user(TrapFrame& frame, Restart restart = Restart::kNone);

/// The running process did something that ends it: prints the one line, then dies of `signal`.
[[noreturn]] void die_of_fault(unsigned signal, const char* text);

}  // namespace cairn
