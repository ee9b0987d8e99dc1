// The threads of processes. A process begins with one; clone's thread form makes others.
#pragma once

#include <atomic>

#include "arch/trap_frame.h"
#include "lib/list.h"
#include "process/cpu_time.h"
#include "process/signal_queue.h"
#include "process/tree_lock.h"
#include "sched/thread.h"

namespace cairn {

struct Process;

/// Where handlers run that ask for it (sigaltstack): `size` 0, nowhere.
struct AlternateStack {
  uint64_t start = 0;
  uint64_t size = 0;         // bytes
  bool auto_disarm = false;  // none while a handler runs on it (SS_AUTODISARM)

  bool contains(uint64_t stack_pointer) const {
    return stack_pointer > start && stack_pointer - start <= size;
  }
};

/// The last exception that a thread caused in user mode.
struct FaultRecord {
  uint64_t vector = 0, error = 0, address = 0;
};

struct UserThread : Thread {
  // Set before it runs.
  Pid tid{};                 // of a process's first thread: the pid
  VirtAddr set_child_tid{};  // where a forked child stores its tid as it starts (clone); 0: nowhere
  VirtAddr clear_child_tid{};  // zeroed at its end (set_tid_address); its own from then on
  // The locks that it holds, where others want to know if it ends (futex/robust_list.h); 0: none. Protected by
  // process_tree_lock, where others look.
  VirtAddr robust_list{};

  // Signals: bit n-1 is signal n. Its own thread changes the masks (set_blocked_signals()); others look.
  PendingSignals pending;  // sent to it alone
  std::atomic<uint64_t> blocked_signals{0};
  std::atomic<uint64_t> awaited_signals{0};  // it waits for these, blocked or not (sigtimedwait)
  // While it forks: what was sent to many processes together, for the child. Protected by process_tree_lock.
  uint64_t signals_for_child GUARDED_BY(process_tree_lock) = 0;
  bool is_forking GUARDED_BY(process_tree_lock) = false;
  // A call that waits with another mask (ppoll): the one to come back to. Its own thread only.
  uint64_t mask_after_call = 0;
  bool has_mask_after_call = false;
  // For its handlers. Its own thread only.
  AlternateStack alternate_stack;
  FaultRecord last_fault;
  FaultCounts faults;  // others look, too

  // A call with a time limit that was interrupted and begins again goes on to this one (syscalls/restart.h); 0:
  // none. Its own thread only.
  uint64_t deadline_after_stop_ns = 0;

  ListLink process_link;  // in Process::threads; protected by process_tree_lock
};
using ThreadList = List<UserThread, &UserThread::process_link>;

/// Where a thread that hasn't been in user mode finds the registers to begin with there: at the top of its kernel stack.
inline TrapFrame* first_frame(const Thread& thread) {
  return reinterpret_cast<TrapFrame*>(thread.stack_top.value - sizeof(TrapFrame));
}

/// The running thread, which belongs to a process.
inline UserThread& current_user_thread() { return static_cast<UserThread&>(*current_thread()); }

/// A new thread of a process, which will run function(argument) in the kernel, on the process's memory, after
/// make_ready(). The function ends with exit_user_thread(), or goes to user mode (return_to_user()). The first
/// one's tid is the pid. The mask, FPU state and FS base are the caller's to set. ESRCH if the process ends,
/// EAGAIN (no tid left), ENOMEM. May sleep.
Result<UserThread*> add_thread(Process& process, void (*function)(void*), void* argument)
    EXCLUDES(process_tree_lock);
/// What clone() is asked for.
struct CloneRequest {
  bool wait_for_child = false;  // a process, until it runs another program or ends: vfork
  bool share_memory = false;    // a process, with its parent
  VirtAddr parent_tid{};  // the new tid is stored there, in the memory of who makes it; 0: nowhere
  VirtAddr child_tid{};   // an address in its own:
  bool set_child_tid = false;    // stored there by it
  bool clear_child_tid = false;  // and zeroed when it ends
  bool set_tls = false;
  uint64_t tls = 0;  // its FS base, if that isn't its maker's
};
/// add_thread() of one that will go on where the running thread calls clone(), in two steps: once it is sure to run,
/// begin_as_clone() gives it that thread's registers as they are in `frame`, its FPU state and its signal mask.
Result<UserThread*> clone_thread(Process& process) EXCLUDES(process_tree_lock);
void begin_as_clone(UserThread& thread, const TrapFrame& frame, const CloneRequest& request);
/// clone's thread form: one more thread of the running one's process. Its tid. EAGAIN, ENOMEM. May sleep.
Result<Pid> start_thread(const TrapFrame& frame, const CloneRequest& request)
    EXCLUDES(process_tree_lock);

/// Undoes add_thread() for a thread that never ran.
void discard_thread(UserThread& thread) EXCLUDES(process_tree_lock);

/// What the running thread, before it leaves its memory, does there for others who use it: locks that it holds are let go of
/// (robust lists), and where it was to be cleared its tid is, and one who waits there is woken. Once. May sleep.
void note_end_in_memory() EXCLUDES(process_tree_lock);

/// exit(): ends the running thread, and with a process's last thread the process, whose status is that
/// thread's, as wait4() reports it, unless exit_process() gave one.
[[noreturn]] void exit_user_thread(int wait_status);

}  // namespace cairn
