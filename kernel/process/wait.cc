// Waiting for the end of processes.
#include "process/child_events.h"
#include "process/pid_table.h"
#include "process/process.h"

namespace cairn {

namespace {

struct Candidate {
  bool any_child = false;
  RefPtr<Process> child;
  WaitResult result;
  bool reap = false;
};

/// Reports the child, if there is what `options` ask for.
bool report(Process& child, uint32_t options, Candidate& found) REQUIRES(process_tree_lock) {
  bool ended = child.state == ProcessState::kZombie;
  bool changed = (child.change == Process::kStopped && (options & kUntraced) != 0) ||
                 (child.change == Process::kContinued && (options & kContinued) != 0);
  if (!ended && !changed) return false;
  found.child = RefPtr<Process>::share(&child);
  found.result = {child.pid, child.wait_status};
  found.reap = ended;
  if (ended) {
    child.state = ProcessState::kReaped;
    ChildList::remove(child);
  } else {
    child.change = Process::kNoChange;
    place_child(child);
  }
  return true;
}

Candidate find_candidate(Process& parent, int64_t which, uint32_t options)
    REQUIRES(process_tree_lock) {
  Candidate found;
  if (which > 0) {
    Process* child = process_at(Pid(uint64_t(which)));
    found.any_child =
        child != nullptr && child->parent == &parent && child->state != ProcessState::kReaped;
    if (found.any_child) (void)report(*child, options, found);
    return found;
  }
  found.any_child = !parent.children.empty() || !parent.changed_children.empty();
  for (Child& child : parent.changed_children) {
    if (report(static_cast<Process&>(child), options, found)) break;
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
