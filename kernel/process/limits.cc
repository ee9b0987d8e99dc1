#include "process/limits.h"

#include "process/pid_table.h"
#include "process/process.h"

namespace cairn {

namespace {

/// One word, which others may change at any time.
uint64_t soft_limit(const Process& process, LimitKind kind) NO_THREAD_SAFETY_ANALYSIS {
  return __atomic_load_n(&process.limits[kind].soft, __ATOMIC_RELAXED);
}

/// Threads of all processes of a user; who ended counts until it is reaped.
uint64_t threads_of_user(uint32_t user) REQUIRES(process_tree_lock) {
  uint64_t count = 0;
  Pid at{0};
  while (Process* process = process_after(at)) {
    at = process->pid;
    if (process->ids.user.real != user || process->state == ProcessState::kReaped) continue;
    uint64_t threads = 0;
    for (UserThread& thread [[maybe_unused]] : process->threads) threads++;
    count += threads != 0 ? threads : 1;
  }
  return count;
}

}  // namespace

uint64_t my_limit(LimitKind kind) { return soft_limit(*current_process(), kind); }

MemoryLimits current_memory_limits() {
  const Process* me = current_process();
  if (me == nullptr) return {};
  return {soft_limit(*me, kLimitAddressSpace), soft_limit(*me, kLimitData),
          soft_limit(*me, kLimitStack)};
}

Result<void> check_process_limit(Process& process) {
  uint64_t limit = process.limits[kLimitProcesses].soft;
  bool is_root = process.ids.user.real == 0 || process.ids.is_superuser();
  if (is_root || limit >= ResourceLimits::kProcesses) return {};
  return threads_of_user(process.ids.user.real) < limit ? Errno::kOk : Errno::kEAGAIN;
}

}  // namespace cairn
