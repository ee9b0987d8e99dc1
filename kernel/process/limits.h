// Resource limits. Enforced are those of CPU time and of queued signals. Those that Cairn can't exceed hold by
// themselves; of the others (memory, file size, descriptors) no lower one is taken than what holds anyway.
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
  kLimitData,
  kLimitStack,
  kLimitCore,  // no core files are written
  kLimitResident,
  kLimitProcesses,
  kLimitFiles,  // descriptors
  kLimitLocked,
  kLimitAddressSpace,
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

/// Whether a soft limit of this kind holds, once it is set.
constexpr bool is_kept(LimitKind kind, uint64_t soft) {
  switch (kind) {
    case kLimitFileSize:
    case kLimitData:
    case kLimitAddressSpace: return soft == kNoLimit;
    case kLimitStack: return soft >= kUserStackSize;
    case kLimitFiles: return soft >= ResourceLimits::kFiles;
    default: return true;
  }
}

}  // namespace cairn
