// Processes and their threads. A process is memory, files, children, ids, and how it takes signals; a
// thread is registers, a signal mask, a tid. Threads come and go (process/user_thread.h) while the process
// lives; with the last one it ends, and stays as a zombie until it is waited for.
#pragma once

#include <atomic>

#include "address_space/address_space.h"
#include "arch/trap_frame.h"
#include "lib/list.h"
#include "lib/ref_ptr.h"
#include "process/call_trace.h"
#include "process/cpu_time.h"
#include "process/credentials.h"
#include "process/interval_timer.h"
#include "process/limits.h"
#include "process/signal_action.h"
#include "process/user_thread.h"
#include "sched/wait_queue.h"

namespace cairn {

/// Descriptors, current directory, umask (vfs/process_files.h).
class ProcessFiles;

/// What getppid() says of processes that the kernel itself started.
inline constexpr Pid kKernelPid{1};
/// The process that inherits orphans, where there is one.
inline constexpr Pid kInitPid{1};
struct ProcessGroup;  // process/process_group.h

enum class ProcessState : uint8_t { kAlive, kZombie, kReaped };

/// A process as its parent's list holds it.
struct Child {
  ListLink sibling_link;  // protected by process_tree_lock
};
using ChildList = List<Child, &Child::sibling_link>;

struct Process : RefCounted<Process>, Child {
  // Immutable once the process runs, but for what exec gives it (process/new_program.h).
  Pid pid{};
  char name[32] = {};
  uint64_t started_ns = 0;  // when its pid was given to it, by monotonic_ns()

  // Written under process_tree_lock, by its creator and by its last thread: its threads read it without,
  // everybody else through address_space_of().
  RefPtr<AddressSpace> space;
  ProcessFiles* files =
      nullptr;  // null without lab B; the last thread takes it away, once nobody looks at it:
  uint32_t lookers_at_files GUARDED_BY(process_tree_lock) = 0;  // others, who soon end that
  std::atomic<bool> has_private_barriers{false};  // it said that it will ask for them (membarrier)
  std::atomic<bool> entered{false};               // its program is loaded and about to run

  // Written under process_tree_lock, by its own thread that calls setuid() and the like.
  ProcessIds ids;

  // Signals, shared by its threads: bit n-1 is signal n. Written under process_tree_lock.
  PendingSignals pending;                    // sent to the process: any thread may take them
  std::atomic<uint64_t> ignored_signals{0};  // by SIG_IGN
  std::atomic<uint64_t> caught_signals{0};
  std::atomic<bool> stopped{false};  // its threads wait before they return to user mode
  std::atomic<bool> exiting{false};  // its threads end before they return to user mode; stays
  std::atomic<UserThread*> only_thread{nullptr};  // exec's, which waits until the others have ended
  WaitQueue continued{"continue"};  // woken when `stopped` falls, or for the two above

  // Protected by process_tree_lock.
  SignalAction actions[kMaxSignal] GUARDED_BY(process_tree_lock) = {};  // signal n's is [n - 1]
  uint64_t set_actions GUARDED_BY(process_tree_lock) = 0;  // those that may differ from the default
  ThreadList threads GUARDED_BY(process_tree_lock);  // empty before the first, and in a zombie
  ProcessState state GUARDED_BY(process_tree_lock) = ProcessState::kAlive;
  Process* parent GUARDED_BY(process_tree_lock) = nullptr;  // null: the kernel's (the monitor's)
  // Its children, each a Process: those that there is nothing to tell of, and those that ended or changed, in that
  // order. So waiting costs the same with many as with one.
  ChildList children GUARDED_BY(process_tree_lock);
  ChildList changed_children GUARDED_BY(process_tree_lock);
  CpuUse ended_threads GUARDED_BY(process_tree_lock);
  CpuTime told_cpu_time GUARDED_BY(process_tree_lock);     // cpu_time_of()'s last answer
  FaultCounts ended_faults GUARDED_BY(process_tree_lock);  // of threads that ended
  ResourceUse children_use
      GUARDED_BY(process_tree_lock);  // of those that were waited for, and theirs
  TickTimer virtual_timer GUARDED_BY(process_tree_lock);
  TickTimer profile_timer GUARDED_BY(process_tree_lock);
  ResourceLimits limits GUARDED_BY(process_tree_lock);
  uint64_t cpu_warning_s GUARDED_BY(process_tree_lock) = 0;  // when the next SIGXCPU is due
  ProcessGroup* group GUARDED_BY(process_tree_lock) = nullptr;
  ListLink group_link;  // in its group; protected by process_tree_lock
  bool has_execed GUARDED_BY(process_tree_lock) = false;  // runs a program of its own since fork
  bool gave_up_terminal GUARDED_BY(process_tree_lock) = false;  // its session's isn't its own
  bool is_subreaper GUARDED_BY(process_tree_lock) = false;      // inherits its descendants' orphans
  bool is_private GUARDED_BY(process_tree_lock) =
      false;  // it knows what its user may not (change_ids())
  uint8_t parent_death_signal GUARDED_BY(process_tree_lock) = 0;  // sent to it as its parent ends
  RefPtr<CallTrace> trace GUARDED_BY(process_tree_lock);  // null: nobody is told what it does
  int exit_status GUARDED_BY(process_tree_lock) = 0;      // what it will report at its end
  int wait_status GUARDED_BY(process_tree_lock) = 0;      // as wait4() reports it
  // What its parent can be told and hasn't been: the last of both counts.
  enum Change : uint8_t { kNoChange, kStopped, kContinued };
  Change change GUARDED_BY(process_tree_lock) = kNoChange;
  bool auto_reap GUARDED_BY(process_tree_lock) = false;  // nobody will wait for it
  bool vfork_done GUARDED_BY(process_tree_lock) = true;  // its parent may go on

  RealTimer real_timer{*this};
  WaitQueue child_events{"child"};  // a child ended, stopped or let its vfork parent go
  WaitQueue exited{"end"};          // this one ended, a thread of it did, or it entered its program
};

/// The process of the running thread, null in a kernel thread.
inline Process* current_process() { return current_thread()->process; }

/// A process with a pid, an empty address space and the usual descriptors, the kernel's child. add_thread() gives
/// it its first thread; one that never gets any is undone by discard_process(). Its pid is the next, or the one that is
/// wanted: kInitPid makes the process that inherits orphans. ENOMEM, EAGAIN (no pid left). May sleep.
Result<RefPtr<Process>> create_process(const char* name, Pid wanted = {});
void discard_process(Process& process);

/// A process that runs `name` with `command_line` (its name first), as the kernel's child. Returns when
/// the program is loaded; if it couldn't be, that is in the log and the process ends with status 127.
/// With a pid that is `wanted`, as create_process(); `trace`, if it isn't null, is told what it does. ENOMEM, EAGAIN (no
/// pid left). May sleep.
Result<RefPtr<Process>> start_process(const char* name, const char* command_line, bool auto_reap,
                                      Pid wanted = {}, RefPtr<CallTrace>* trace = nullptr);

/// The process with this pid, zombies included; null if there is none.
RefPtr<Process> find_process(Pid pid);
/// Its memory, kept alive; null once it has ended.
RefPtr<AddressSpace> address_space_of(Process& process);
/// Takes its files away from it, once nobody looks at them any more: at its end. May sleep.
ProcessFiles* take_files(Process& process) EXCLUDES(process_tree_lock);
/// Calls use(Process&) for each process in order of pid, without locks held.
template <class Use>
void for_each_process(Use use);
RefPtr<Process> next_process(Pid after);

/// fork, vfork and clone's fork form. Returns the child's pid. EAGAIN (no pid left, or the user's limit), ENOMEM; EINTR:
/// a signal is to be acted on first, and then the call begins again whatever a handler says.
Result<Pid> fork_process(const TrapFrame& frame, const CloneRequest& request);

/// exit_group() and deadly signals: ends the running process with a status as wait4() reports it, unless one was
/// given already. Its other threads are asked to die: waits that can be interrupted end, and each goes before it
/// returns to user mode.
[[noreturn]] void exit_process(int wait_status);
constexpr int exit_status(int code) { return (code & 0xff) << 8; }

/// wait4() and waitid(): which children, and what of them.
struct WaitRequest {
  enum Which : uint8_t { kAny, kProcess, kGroup } which = kAny;
  Pid id{};
  bool ended = true;
  bool stopped = false;
  bool continued = false;
  bool wait = true;  // until there is something
  bool take = true;  // what is reported isn't reported again, and who ended is reaped
};
struct WaitResult {
  Pid pid{};        // 0: nothing yet, and not to be waited for
  int status = 0;   // as wait4() reports it
  ResourceUse use;  // its own and its children's
  SignalInfo info;
};
/// ECHILD: no such child; EINTR.
Result<WaitResult> wait_for_child(const WaitRequest& request);

/// Waits for a process that the kernel started and reaps it; returns its status. EINTR when
/// `stop_waiting()` becomes true first.
Result<int> wait_for_process(Process& process, bool (*stop_waiting)());

/// Processes that exist, zombies included.
uint64_t process_count();

template <class Use>
void for_each_process(Use use) {
  Pid at{0};
  while (RefPtr<Process> process = next_process(at)) {
    use(*process);
    at = process->pid;
  }
}

/// What a process does, for `ps`: what the busiest of its threads does.
const char* process_state_name(Process& process);
/// What the first thread of a blocked process waits for (input, child, time, mutex, continue), "-" if it isn't blocked.
const char* process_wait_name(Process& process);

}  // namespace cairn
