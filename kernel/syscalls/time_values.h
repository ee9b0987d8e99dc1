// Times as programs hand them over: timespec and timeval, and nanoseconds.
// Source: Linux, include/uapi/linux/time.h.
#pragma once

#include "address_space/user_copy.h"
#include "sched/wait_queue.h"

namespace cairn {

inline constexpr uint64_t kNsPerSecond = 1'000'000'000, kNsPerMicrosecond = 1000;

struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};
struct TimeValue {
  int64_t seconds;
  int64_t microseconds;
};

inline TimeSpec to_timespec(uint64_t ns) {
  return {int64_t(ns / kNsPerSecond), int64_t(ns % kNsPerSecond)};
}
inline TimeValue to_timevalue(uint64_t ns) {
  return {int64_t(ns / kNsPerSecond), int64_t(ns % kNsPerSecond / kNsPerMicrosecond)};
}

/// Nanoseconds, saturated below kNoDeadline. EINVAL.
inline Result<uint64_t> to_ns(int64_t seconds, int64_t nanoseconds) {
  if (seconds < 0 || nanoseconds < 0 || uint64_t(nanoseconds) >= kNsPerSecond)
    return Errno::kEINVAL;
  constexpr int64_t kLongest = INT64_MAX / int64_t(kNsPerSecond) - 1;
  if (seconds > kLongest) return kNoDeadline - 1;
  return uint64_t(seconds) * kNsPerSecond + uint64_t(nanoseconds);
}
/// The timespec at a user address. EINVAL, EFAULT.
inline Result<uint64_t> read_timespec(uint64_t address) {
  auto time = TRY(read_user<TimeSpec>(VirtAddr(address)));
  return to_ns(time.seconds, time.nanoseconds);
}

}  // namespace cairn
