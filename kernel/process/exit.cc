// The end of processes: exit, and waiting for it.
#include "address_space/user_copy.h"
#include "debug/log.h"
#include "debug/trace.h"
#include "metrics/counter.h"
#include "process/pid_table.h"
#include "process/process.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "vfs/process_files.h"

namespace cairn {

CAIRN_COUNTER(exit_count, "process.exits");

namespace {

/// Frees the memory of the running process. It goes on in the kernel's own address space.
void drop_address_space(Process& process) {
  if (process.clear_child_tid.value != 0) {
    (void)write_user(process.clear_child_tid, uint32_t(0));
  }
  {
    InterruptsOff off;
    current_thread()->page_table = nullptr;
    Cr3{kernel_root().value}.write();
  }
  RefPtr<AddressSpace> space;
  IrqGuard guard(process_tree_lock);
  std::swap(space, process.space);
}

/// Children of a process that ends become the kernel's, which reaps them as they end. Those that
/// had ended already are returned in `orphans`.
void hand_over_children(Process& process, ChildList& orphans) REQUIRES(process_tree_lock) {
  while (Child* link = process.children.pop_front()) {
    auto* child = static_cast<Process*>(link);
    child->parent = nullptr;
    child->auto_reap = true;
    if (child->state == ProcessState::kZombie) {
      child->state = ProcessState::kReaped;
      orphans.push_back(*child);
    }
  }
}

}  // namespace

void exit_process(int wait_status) {
  RefPtr<Process> process = RefPtr<Process>::share(current_process());
  trace(TraceEvent::kExit, process->pid.value, uint64_t(wait_status));
  exit_count.increment();
  destroy_process_files(std::exchange(process->files, nullptr));
  drop_address_space(*process);

  ChildList orphans;
  RefPtr<Process> parent;
  bool reap_now;
  {
    IrqGuard guard(process_tree_lock);
    hand_over_children(*process, orphans);
    parent = RefPtr<Process>::share(process->parent);
    process->thread = nullptr;
    process->wait_status = wait_status;
    process->vfork_done = true;
    reap_now = process->auto_reap;
    process->state = reap_now ? ProcessState::kReaped : ProcessState::kZombie;
    if (reap_now) ChildList::remove(*process);
  }
  while (Child* orphan = orphans.pop_front()) pid_table_remove(static_cast<Process&>(*orphan));
  if (parent) {
    send_signal(*parent, kSigChild);
    parent->child_events.wake_all();
  }
  process->exited.wake_all();
  if (reap_now) pid_table_remove(*process);
  parent = nullptr;
  current_thread()->process = nullptr;
  current_thread()->name = "exiting";  // its name was the process's
  process = nullptr;
  exit_thread();
}

namespace {

struct Candidate {
  bool any_child = false;
  RefPtr<Process> child;
  WaitResult result;
  bool reap = false;
};

/// Looks for a child to report. Marks it reported.
Candidate find_candidate(Process& parent, int64_t which, uint32_t options)
    REQUIRES(process_tree_lock) {
  Candidate found;
  for (Child& link : parent.children) {
    auto& child = static_cast<Process&>(link);
    if (which > 0 && child.pid.value != uint64_t(which)) continue;
    found.any_child = true;
    if (child.state == ProcessState::kZombie) {
      child.state = ProcessState::kReaped;
      found.result = {child.pid, child.wait_status};
      found.child = RefPtr<Process>::share(&child);
      found.reap = true;
      ChildList::remove(child);
      return found;
    }
    if ((options & kUntraced) != 0 && child.stopped && !child.stop_reported) {
      child.stop_reported = true;
      found.result = {child.pid, child.wait_status};
      found.child = RefPtr<Process>::share(&child);
      return found;
    }
  }
  return found;
}

}  // namespace

Result<WaitResult> wait_for_child(int64_t which, uint32_t options) {
  Process& parent = *current_process();
  Candidate found;
  auto look = [&] {
    IrqGuard guard(process_tree_lock);
    found = find_candidate(parent, which, options);
    return found.child || !found.any_child || (options & kNoHang) != 0;
  };
  TRY(parent.child_events.wait_until_interruptible(look));
  if (!found.any_child) return Errno::kECHILD;
  if (!found.child) return WaitResult{};
  if (found.reap) pid_table_remove(*found.child);
  return found.result;
}

Result<int> wait_for_process(Process& process, bool (*stop_waiting)()) {
  bool stopped = false;
  process.exited.wait_until([&] {
    IrqGuard guard(process_tree_lock);
    stopped = stop_waiting != nullptr && stop_waiting();
    return process.state != ProcessState::kAlive || stopped;
  });
  int status;
  {
    IrqGuard guard(process_tree_lock);
    if (process.state == ProcessState::kAlive) return Errno::kEINTR;
    status = process.wait_status;
    if (process.state == ProcessState::kReaped) return status;
    process.state = ProcessState::kReaped;
  }
  pid_table_remove(process);
  return status;
}

}  // namespace cairn
