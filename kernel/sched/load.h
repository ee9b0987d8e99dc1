// How busy the processors are: threads that run or wait to, as an average over minutes, and the time that nobody used.
// Source: Linux, proc(5), "/proc/loadavg".
#pragma once

#include "arch/percpu.h"

namespace cairn {

inline constexpr uint64_t kLoadUnit = 1 << 11;  // an average's 1
struct LoadAverages {
  uint64_t of_1, of_5, of_15;  // minutes, in parts of kLoadUnit
};
LoadAverages load_averages();

/// Nanoseconds that a processor has spent idle.
uint64_t idle_ns(const Cpu& cpu);

// For the scheduler.
/// Each tick: takes a sample every kLoadPeriodNs. A processor that idles has no ticks; what it missed counts as 0.
void sample_load(uint64_t now_ns);
inline constexpr uint64_t kLoadPeriodNs = 5'000'000'000;

}  // namespace cairn
