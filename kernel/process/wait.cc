// Waiting for the end of processes.
#include "process/child_events.h"
#include "process/pid_table.h"
#include "process/process.h"
#include "process/process_group.h"

namespace cairn {

namespace {

struct Candidate {
  bool any_child = false;
  RefPtr<Process> child;
  WaitResult result;
  bool reap = false;
};

/// Reports the child, if there is what the request asks for.
bool report(Process& child, const WaitRequest& request, Candidate& found)
    REQUIRES(process_tree_lock) {
  bool ended = child.state == ProcessState::kZombie && request.ended;
  bool changed = child.state == ProcessState::kAlive &&
                 ((child.change == Process::kStopped && request.stopped) ||
                  (child.change == Process::kContinued && request.continued));
  if (!ended && !changed) return false;
  found.child = RefPtr<Process>::share(&child);
  ResourceUse use = use_of(child);
  use += child.children_use;
  found.result = {child.pid, child.wait_status, use, child_info(child, child.wait_status)};
  if (!request.take) return true;
  found.reap = ended;
  if (ended) {
    child.parent->children_use += use;
    child.state = ProcessState::kReaped;
    ChildList::remove(child);
  } else {
    child.change = Process::kNoChange;
    place_child(child);
  }
  return true;
}

/// One that may be a child. True if it was reported.
bool consider(Process& parent, Process* child, const WaitRequest& request, Candidate& found)
    REQUIRES(process_tree_lock) {
  bool is_child =
      child != nullptr && child->parent == &parent && child->state != ProcessState::kReaped;
  if (!is_child) return false;
  found.any_child = true;
  return report(*child, request, found);
}

Candidate find_candidate(Process& parent, const WaitRequest& request) REQUIRES(process_tree_lock) {
  Candidate found;
  if (request.which == WaitRequest::kProcess) {
    (void)consider(parent, process_at(request.id), request, found);
    return found;
  }
  if (request.which == WaitRequest::kGroup) {
    ProcessGroup* group = group_at(request.id);
    if (group == nullptr) return found;
    for (Process& member : group->members) {
      if (consider(parent, &member, request, found)) break;
    }
    return found;
  }
  found.any_child = !parent.children.empty() || !parent.changed_children.empty();
  for (Child& child : parent.changed_children) {
    if (report(static_cast<Process&>(child), request, found)) break;
  }
  return found;
}

}  // namespace

Result<WaitResult> wait_for_child(const WaitRequest& request) {
  Process& parent = *current_process();
  Candidate found;
  auto look = [&] {
    IrqGuard guard(process_tree_lock);
    found = find_candidate(parent, request);
    return found.child || !found.any_child || !request.wait;
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
