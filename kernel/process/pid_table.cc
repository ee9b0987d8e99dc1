#include "process/pid_table.h"

#include "memory/heap.h"

namespace cairn {

namespace {

constexpr uint64_t kLeafSize = 512;

struct Leaf {
  Process* processes[kLeafSize] = {};
};

constinit Leaf* leaves[kMaxPid / kLeafSize] GUARDED_BY(process_tree_lock) = {};
constinit uint64_t last_pid GUARDED_BY(process_tree_lock) = 0;
constinit uint64_t count GUARDED_BY(process_tree_lock) = 0;

Process*& slot(uint64_t pid) REQUIRES(process_tree_lock) {
  return leaves[pid / kLeafSize]->processes[pid % kLeafSize];
}

bool is_used(uint64_t pid) REQUIRES(process_tree_lock) {
  return leaves[pid / kLeafSize] != nullptr && slot(pid) != nullptr;
}

/// The next pid in turn that is free; 1 is left to the kernel itself. 0 if there is none. Pids are
/// dense only when most of 32,768 are in use, so the search is short.
uint64_t next_free_pid() REQUIRES(process_tree_lock) {
  if (count >= kMaxPid - 2) return 0;
  uint64_t pid = last_pid;
  do {
    pid = pid + 1 < kMaxPid ? pid + 1 : 2;
    if (pid < 2) pid = 2;
  } while (is_used(pid));
  return pid;
}

}  // namespace

constinit Spinlock process_tree_lock{"process tree", LockRank::kProcessTree};

Result<void> pid_table_add(Process& process) {
  Leaf* spare = nullptr;
  while (true) {
    {
      IrqGuard guard(process_tree_lock);
      uint64_t pid = next_free_pid();
      if (pid == 0) return Errno::kEAGAIN;
      Leaf*& leaf = leaves[pid / kLeafSize];
      if (leaf == nullptr) leaf = std::exchange(spare, nullptr);
      if (leaf != nullptr) {
        last_pid = pid;
        count++;
        process.pid = Pid(pid);
        process.retain();
        slot(pid) = &process;
        break;
      }
    }
    spare = new_object<Leaf>();
    if (spare == nullptr) return Errno::kENOMEM;
  }
  delete spare;
  return {};
}

void pid_table_remove(Process& process) {
  {
    IrqGuard guard(process_tree_lock);
    ASSERT(slot(process.pid.value) == &process);
    slot(process.pid.value) = nullptr;
    count--;
  }
  process.release();
}

RefPtr<Process> find_process(Pid pid) {
  IrqGuard guard(process_tree_lock);
  if (pid.value >= kMaxPid || !is_used(pid.value)) return nullptr;
  return RefPtr<Process>::share(slot(pid.value));
}

RefPtr<Process> next_process(Pid after) {
  IrqGuard guard(process_tree_lock);
  for (uint64_t pid = after.value + 1; pid < kMaxPid; pid++) {
    if (leaves[pid / kLeafSize] == nullptr) {
      pid += kLeafSize - 1 - pid % kLeafSize;
    } else if (slot(pid) != nullptr) {
      return RefPtr<Process>::share(slot(pid));
    }
  }
  return nullptr;
}

uint64_t process_count() {
  IrqGuard guard(process_tree_lock);
  return count;
}

}  // namespace cairn
