// The end of threads, and of the process with the last of them.
#include "address_space/user_copy.h"
#include "debug/log.h"
#include "debug/trace.h"
#include "futex/futex.h"
#include "futex/robust_list.h"
#include "lib/assert.h"
#include "metrics/counter.h"
#include "process/child_events.h"
#include "process/pid_table.h"
#include "process/process.h"
#include "process/process_group.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "vfs/process_files.h"

namespace cairn {

CAIRN_COUNTER(exit_count, "process.exits");

namespace {

/// The running thread goes on in the kernel's own address space: from now on the process's may be freed.
void leave_address_space() {
  InterruptsOff off;
  current_thread()->page_table = nullptr;
  PageTable::activate_kernel();
}

void drop_address_space(Process& process) {
  RefPtr<AddressSpace> space;
  IrqGuard guard(process_tree_lock);
  std::swap(space, process.space);
}

/// Who inherits the children of a process: the nearest ancestor that asked for it, else process 1; null, there is
/// none, and the kernel reaps them as they end.
Process* reaper_of(const Process& process) REQUIRES(process_tree_lock) {
  for (Process* ancestor = process.parent; ancestor != nullptr; ancestor = ancestor->parent) {
    if (ancestor->is_subreaper && !ancestor->exiting) return ancestor;
  }
  Process* init = process_at(kInitPid);
  return init != nullptr && init != &process && !init->exiting ? init : nullptr;
}

/// A child gets another parent, who is told if it has ended; if nobody will wait for it, it goes to `orphans`.
void hand_over(Process& child, Process* reaper, ChildList& orphans) REQUIRES(process_tree_lock) {
  bool ended = child.state == ProcessState::kZombie;
  bool unwanted = reaper == nullptr || reaps_children_at_once(*reaper);
  child.parent = reaper;
  child.auto_reap = reaper == nullptr;
  if (ended && reaper != nullptr) tell_parent_of_end(*reaper, child, child.wait_status);
  if (!ended || !unwanted) return place_child(child);
  child.parent = nullptr;
  child.state = ProcessState::kReaped;
  orphans.push_back(child);
}

/// Children of a process that ends.
void hand_over_children(Process& process, ChildList& orphans) REQUIRES(process_tree_lock) {
  if (process.children.empty() && process.changed_children.empty()) return;
  Process* reaper = reaper_of(process);
  for (ChildList* list : {&process.children, &process.changed_children}) {
    while (Child* link = list->pop_front()) {
      auto* child = static_cast<Process*>(link);
      hand_over(*child, reaper, orphans);
      if (child->parent_death_signal != 0) {
        auto info =
            SignalInfo::from_process(child->parent_death_signal, kFromUser, process.pid.value, 0);
        (void)send_signal_locked(*child, nullptr, info);
      }
      note_parent_gone(*child, &process, nullptr);
    }
  }
}

/// Whether the running thread is its process's last. Then no other can be added; else it leaves the list.
bool leave_process(Process& process, UserThread& me, int wait_status) {
  IrqGuard guard(process_tree_lock);
  if (process.threads.holds_only(me)) {
    if (!process.exiting) process.exit_status = wait_status;
    process.exiting = true;
    return true;
  }
  keep_use(process, me);
  ThreadList::remove(me);
  if (me.tid != process.pid) pid_table_remove_thread(me);
  return false;
}

/// From alive to a zombie, or to nothing if nobody will wait. Returns the parent, which is to be told.
RefPtr<Process> become_zombie(Process& process, UserThread& last, bool& reap_now,
                              ChildList& orphans, int& status) {
  IrqGuard guard(process_tree_lock);
  hand_over_children(process, orphans);
  note_parent_gone(process, process.parent, &process);
  if (leads_session(process)) {
    end_leadership(*process.group->session);
  }
  keep_use(process, last);
  ThreadList::remove(last);
  if (last.tid != process.pid) pid_table_remove_thread(last);
  process.wait_status = status = process.exit_status;
  process.vfork_done = true;
  RefPtr<Process> parent = RefPtr<Process>::share(process.parent);
  reap_now = process.auto_reap || (parent && reaps_children_at_once(*parent));
  process.state = reap_now ? ProcessState::kReaped : ProcessState::kZombie;
  process.change = Process::kNoChange;
  if (reap_now && parent) {
    ChildList::remove(process);
    process.parent = nullptr;
  } else {
    place_child(process);
  }
  return parent;
}

/// Nobody would inherit orphans, and nothing start anew what ends.
[[noreturn]] void end_of_init(Process& process) {
  int status;
  {
    IrqGuard guard(process_tree_lock);
    status = process.exit_status;
  }
  const int signal = status & 0x7f;
  log_error("process", "process 1 ({}) {} {}", process.name,
            signal != 0 ? "was killed by signal" : "exited with status",
            signal != 0 ? signal : status >> 8 & 0xff);
  panic("process 1, the init program, ended");
}

/// What ends with the last thread, which has left the address space.
void end_process(Process& process, UserThread& last) {
  process.real_timer.stop();
  int status;
  {
    IrqGuard guard(process_tree_lock);
    status = process.exit_status;
  }
  tell_end(process, status);
  release_process_files(take_files(process));
  drop_address_space(process);
  ChildList orphans;
  bool reap_now;
  RefPtr<Process> parent = become_zombie(process, last, reap_now, orphans, status);
  exit_count.increment();
  while (Child* orphan = orphans.pop_front()) pid_table_remove(static_cast<Process&>(*orphan));
  if (parent) {
    IrqGuard guard(process_tree_lock);
    tell_parent_of_end(*parent, process, status);
  }
  process.exited.wake_all();
  if (reap_now) pid_table_remove(process);
}

}  // namespace

void note_end_in_memory() {
  UserThread& me = current_user_thread();
  VirtAddr locks, tid_place = std::exchange(me.clear_child_tid, VirtAddr(0));
  bool is_alone;
  {
    IrqGuard guard(process_tree_lock);
    locks = std::exchange(me.robust_list, VirtAddr(0));
    is_alone = me.process->threads.holds_only(me) && me.process->space->references() == 1;
  }
  if (locks.value != 0) let_go_of_robust_locks(locks, me.tid);
  // Nobody else uses the memory of who is alone. Failing is the program's loss, as on Linux.
  if (tid_place.value == 0 || is_alone) return;
  (void)write_user(tid_place, uint32_t(0));
  (void)futex_wake({tid_place, false}, 1, kAnyBit);
}

void exit_user_thread(int wait_status) {
  UserThread& me = current_user_thread();
  auto process = RefPtr<Process>::share(me.process);
  trace(TraceEvent::kExit, me.tid.value, uint64_t(wait_status));
  note_end_in_memory();
  leave_address_space();
  if (leave_process(*process, me, wait_status)) {
    if (process->pid == kInitPid && process->entered) end_of_init(*process);
    end_process(*process, me);
  } else {
    pass_on_signals(*process);
    process->exited.wake_all();  // who waits to be the only one
  }
  me.process = nullptr;
  me.name = "exiting";  // its name was the process's
  process = nullptr;
  exit_thread();
}

void exit_process(int wait_status) {
  Process& process = *current_process();
  {
    IrqGuard guard(process_tree_lock);
    if (!process.exiting) {
      process.exit_status = wait_status;
      process.exiting = true;
      for (UserThread& thread : process.threads) interrupt_thread(thread);
    }
  }
  process.continued.wake_all();  // those that are stopped
  exit_user_thread(wait_status);
}

}  // namespace cairn
