#include "process/pid_table.h"

#include <algorithm>

#include "memory/heap.h"
#include "process/process_group.h"

namespace cairn {

namespace {

constexpr uint64_t kLeafSize = 128;

struct Leaf {
  Process* processes[kLeafSize] = {};
  UserThread* threads[kLeafSize] = {};  // those beyond a process's first
  ProcessGroup* groups[kLeafSize] = {};
  Session* sessions[kLeafSize] = {};
};

constinit Leaf* leaves[kMaxPid / kLeafSize] GUARDED_BY(process_tree_lock) = {};
constinit uint64_t last_pid GUARDED_BY(process_tree_lock) = 0;
constinit uint64_t count GUARDED_BY(process_tree_lock) = 0;         // of processes
constinit uint64_t thread_count GUARDED_BY(process_tree_lock) = 0;  // of threads beyond the first

Process*& slot(uint64_t pid) REQUIRES(process_tree_lock) {
  return leaves[pid / kLeafSize]->processes[pid % kLeafSize];
}
UserThread*& thread_slot(uint64_t tid) REQUIRES(process_tree_lock) {
  return leaves[tid / kLeafSize]->threads[tid % kLeafSize];
}

bool has_leaf(uint64_t pid) REQUIRES(process_tree_lock) {
  return pid < kMaxPid && leaves[pid / kLeafSize] != nullptr;
}
bool is_used(uint64_t pid) REQUIRES(process_tree_lock) {
  return has_leaf(pid) && (slot(pid) != nullptr || thread_slot(pid) != nullptr ||
                           group_slot(Pid(pid)) != nullptr || session_slot(Pid(pid)) != nullptr);
}

/// The next pid in turn that is free; 1 is left to the kernel itself. 0 if there is none. Pids are
/// dense only when most of 32,768 are in use, so the search is short; it ends where all are, some of them by groups
/// without processes.
uint64_t next_free_pid() REQUIRES(process_tree_lock) {
  if (count + thread_count >= kMaxPid - 2) return 0;
  uint64_t pid = last_pid;
  for (uint64_t tried = 0; tried < kMaxPid; tried++) {
    pid = pid + 1 < kMaxPid ? std::max<uint64_t>(pid + 1, 2) : 2;
    if (!is_used(pid)) return pid;
  }
  return 0;
}

/// Calls use(pid) with the next free number, or the one that is wanted if that isn't 0, once there is a leaf for it.
/// EAGAIN, ENOMEM.
template <class Use>
Result<void> take_number(uint64_t wanted, Use use) {
  Leaf* spare = nullptr;
  while (true) {
    {
      IrqGuard guard(process_tree_lock);
      uint64_t pid = wanted != 0 ? wanted : next_free_pid();
      if (pid == 0 || is_used(pid)) return Errno::kEAGAIN;
      Leaf*& leaf = leaves[pid / kLeafSize];
      if (leaf == nullptr) leaf = std::exchange(spare, nullptr);
      if (leaf != nullptr) {
        if (wanted == 0) last_pid = pid;
        use(pid);
        break;
      }
    }
    spare = new_object<Leaf>();
    if (spare == nullptr) return Errno::kENOMEM;
  }
  delete spare;
  return {};
}

}  // namespace

ProcessGroup*& group_slot(Pid id) {
  return leaves[id.value / kLeafSize]->groups[id.value % kLeafSize];
}
Session*& session_slot(Pid id) {
  return leaves[id.value / kLeafSize]->sessions[id.value % kLeafSize];
}
ProcessGroup* group_at(Pid id) { return has_leaf(id.value) ? group_slot(id) : nullptr; }

constinit Spinlock process_tree_lock{"process tree", LockRank::kProcessTree};

Result<void> pid_table_add(Process& process, Pid wanted) {
  return take_number(wanted.value, [&process](uint64_t pid) REQUIRES(process_tree_lock) {
    count++;
    process.pid = Pid(pid);
    process.retain();
    slot(pid) = &process;
  });
}

Result<void> pid_table_add_thread(UserThread& thread) {
  return take_number(0, [&thread](uint64_t tid) REQUIRES(process_tree_lock) {
    thread_count++;
    thread.tid = Pid(tid);
    thread_slot(tid) = &thread;
  });
}

void pid_table_remove_thread(UserThread& thread) {
  ASSERT(thread_slot(thread.tid.value) == &thread);
  thread_slot(thread.tid.value) = nullptr;
  thread_count--;
}

void pid_table_remove(Process& process) {
  {
    IrqGuard guard(process_tree_lock);
    ASSERT(slot(process.pid.value) == &process);
    leave_group(process);
    slot(process.pid.value) = nullptr;
    count--;
  }
  process.release();
}

UserThread* thread_at(Pid tid) {
  if (!has_leaf(tid.value)) return nullptr;
  if (Process* process = slot(tid.value)) {
    for (UserThread& thread : process->threads) {
      if (thread.tid == tid) return &thread;
    }
  }
  return thread_slot(tid.value);
}

Process* process_at(Pid pid) { return has_leaf(pid.value) ? slot(pid.value) : nullptr; }

RefPtr<Process> find_process(Pid pid) {
  IrqGuard guard(process_tree_lock);
  return RefPtr<Process>::share(process_at(pid));
}

Process* process_after(Pid after) {
  for (uint64_t pid = after.value + 1; pid < kMaxPid; pid++) {
    if (leaves[pid / kLeafSize] == nullptr) {
      pid += kLeafSize - 1 - pid % kLeafSize;
    } else if (slot(pid) != nullptr) {
      return slot(pid);
    }
  }
  return nullptr;
}

RefPtr<Process> next_process(Pid after) {
  IrqGuard guard(process_tree_lock);
  return RefPtr<Process>::share(process_after(after));
}

Pid newest_pid() {
  IrqGuard guard(process_tree_lock);
  return Pid(last_pid);
}

uint64_t process_count() {
  IrqGuard guard(process_tree_lock);
  return count;
}

}  // namespace cairn
