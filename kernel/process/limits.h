// Resource limits: how much a process may use. Each is kept to where the thing is used up: descriptors and file sizes in
// the system calls, memory in its address space (current_memory_limits()), processes in fork, CPU time by the
// scheduler's ticks, queued signals as they are sent. The others hold by themselves: no core files are written,
// nothing is locked in memory, there are no message queues and no real-time priorities, and only the superuser makes
// anybody less nice.
// Source: POSIX.1-2017, getrlimit; Linux, getrlimit(2), include/uapi/asm-generic/resource.h.
#pragma once

#include <cstdint>

#include "arch/layout.h"
#include "process/signal_queue.h"

namespace cairn {

struct ResourceLimit {
  uint64_t soft, hard;
};
inline constexpr uint64_t kNoLimit = UINT64_MAX;

enum LimitKind : unsigned {
  kLimitCpu,       // seconds
  kLimitFileSize,  // bytes
  kLimitData,      // bytes: Region::is_data()
  kLimitStack,     // bytes
  kLimitCore,      // no core files are written
  kLimitResident,
  kLimitProcesses,  // of the user, threads too
  kLimitFiles,      // descriptors
  kLimitLocked,
  kLimitAddressSpace,  // bytes
  kLimitLocks,
  kLimitSignals,  // queued
  kLimitMessages,
  kLimitNice,
  kLimitPriority,
  kLimitRealTime,
  kLimitKinds
};

struct ResourceLimits {
  static constexpr uint64_t kFiles = 1024, kProcesses = 32'768;
  ResourceLimit of[kLimitKinds] = {
      {kNoLimit, kNoLimit},
      {kNoLimit, kNoLimit},
      {kNoLimit, kNoLimit},
      {kUserStackSize, kNoLimit},
      {0, kNoLimit},
      {kNoLimit, kNoLimit},
      {kProcesses, kProcesses},
      {kFiles, kFiles},
      {kNoLimit, kNoLimit},
      {kNoLimit, kNoLimit},
      {kNoLimit, kNoLimit},
      {kMaxQueuedSignals, kMaxQueuedSignals},
      {0, 0},
      {0, 0},
      {0, 0},
      {kNoLimit, kNoLimit},
  };
  ResourceLimit& operator[](unsigned kind) { return of[kind]; }
  const ResourceLimit& operator[](unsigned kind) const { return of[kind]; }
};

/// The soft limit of the running process.
uint64_t my_limit(LimitKind kind);

struct Process;
/// EAGAIN: the process's user has as many processes and threads as its limit lets it have. It counts for everybody
/// but root. O(processes), where the limit isn't the default.
Result<void> check_process_limit(Process& process) REQUIRES(process_tree_lock);

}  // namespace cairn
