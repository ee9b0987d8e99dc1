// What the calls that wait for several files share: their time limits and their signal masks.
#pragma once

#include "process/signal.h"
#include "syscalls/lab_b/abi.h"
#include "syscalls/restart.h"
#include "syscalls/time_values.h"

namespace cairn {

/// Waits by wait() with another signal mask, if there is one at `address`. A signal that interrupts the wait is acted on
/// under that mask. EINVAL (a size that isn't the mask's), EFAULT.
template <class Wait>
Result<uint64_t> with_mask(uint64_t address, uint64_t size, Wait wait) {
  if (address == 0) return wait();
  if (size != sizeof(uint64_t)) return Errno::kEINVAL;
  set_temporary_mask(TRY(read_user<uint64_t>(VirtAddr(address))));
  auto found = wait();
  if (found.error() != Errno::kEINTR) leave_temporary_mask();
  return found;
}

/// The deadline for a relative time: 0 for "don't wait". EINVAL.
inline Result<uint64_t> deadline_of(int64_t seconds, int64_t nanoseconds) {
  uint64_t ns = TRY(to_ns(seconds, nanoseconds));
  return ns == 0 ? uint64_t(0) : deadline_after(ns);
}
/// That of the timespec at `address`; kNoDeadline for a null pointer. EFAULT, EINVAL.
inline Result<uint64_t> read_deadline(uint64_t address) {
  if (address == 0) return kNoDeadline;
  auto time = TRY(read_user<TimeSpec>(VirtAddr(address)));
  return deadline_of(time.seconds, time.nanoseconds);
}
/// That of a time in milliseconds; kNoDeadline if it is negative.
inline uint64_t deadline_of_ms(int timeout_ms) {
  if (timeout_ms < 0) return kNoDeadline;
  return timeout_ms == 0 ? 0 : deadline_after(uint64_t(timeout_ms) * 1'000'000);
}

}  // namespace cairn
