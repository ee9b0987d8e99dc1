// Waiting for the end of processes.
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
    bool tell = (options & kUntraced) != 0 && child.change == Process::kStopped;
    tell |= (options & kContinued) != 0 && child.change == Process::kContinued;
    if (tell) {
      child.change = Process::kNoChange;
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
