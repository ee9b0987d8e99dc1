// What processes used: how long they ran, how often they faulted. The sum of the times is exact, by the TSC as the
// scheduler switches; how it divides into user mode and kernel is sampled: each tick (kSliceNs, 10 ms) counts for the
// mode that it interrupts.
// Source: POSIX.1-2017, times, getrusage; Linux, getrusage(2).
#pragma once

#include <cstdint>

#include "process/tree_lock.h"

namespace cairn {

struct Process;
struct UserThread;

struct CpuTime {
  uint64_t user_ns = 0;
  uint64_t kernel_ns = 0;

  uint64_t total_ns() const { return user_ns + kernel_ns; }
  CpuTime& operator+=(const CpuTime& more) {
    user_ns += more.user_ns;
    kernel_ns += more.kernel_ns;
    return *this;
  }
  /// To what is measured now, neither part going back: a new sample may say less of one than was told before, and
  /// then the other has all that was added.
  void advance(const CpuTime& now);
};

/// What is counted: of one thread, or of several together.
struct CpuUse {
  uint64_t tsc = 0;  // ticks of the TSC
  uint64_t user_samples = 0, kernel_samples = 0;

  CpuUse& operator+=(const CpuUse& more) {
    tsc += more.tsc;
    user_samples += more.user_samples;
    kernel_samples += more.kernel_samples;
    return *this;
  }
  CpuTime time() const;
};

/// Page faults that were served, for a program or for the kernel that copies for it. Those for which a page had to be
/// brought from a disk are `major`, all others `minor`.
struct FaultCounts {
  uint64_t minor = 0, major = 0;

  FaultCounts& operator+=(const FaultCounts& more) {
    minor += more.minor;
    major += more.major;
    return *this;
  }
};

struct ResourceUse {
  CpuTime time;
  FaultCounts faults;

  ResourceUse& operator+=(const ResourceUse& more) {
    time += more.time;
    faults += more.faults;
    return *this;
  }
};

/// Of a process's threads, those that ended too; neither part ever goes back. Threads that run on other processors
/// count up to their last switch.
CpuTime cpu_time_of(Process& process) REQUIRES(process_tree_lock);
ResourceUse use_of(Process& process) REQUIRES(process_tree_lock);
/// Of the running thread.
CpuTime my_cpu_time();
ResourceUse my_use();

/// The ticks of all threads since boot, the kernel's own too; no time.
CpuUse ticks_of_all();

/// The running thread ends: what it used stays with its process.
void keep_use(Process& process, UserThread& me) REQUIRES(process_tree_lock);

}  // namespace cairn
