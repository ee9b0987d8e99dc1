// Calls that begin again after they were interrupted (syscalls/dispatch.cc), and their time limits.
#pragma once

#include <algorithm>
#include <utility>

#include "process/signal.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace cairn {

/// What becomes of a call, by its number, that ended with EINTR. kNone for what is no call.
Restart restart_rule(uint64_t number);

/// rt_sigreturn() puts this into TrapFrame::error: the result in rax is none of a call, whatever it looks like.
inline constexpr uint64_t kNoCall = UINT64_MAX;

/// The deadline of a call that waits for `ns` from now on (saturated, never 0 or kNoDeadline). One that began
/// again has the deadline that it had: so call it once in each call.
inline uint64_t deadline_after(uint64_t ns) {
  uint64_t kept = std::exchange(current_user_thread().deadline_after_stop_ns, 0);
  if (kept != 0) return kept;
  uint64_t now = monotonic_ns();
  return ns > kNoDeadline - 1 - now ? kNoDeadline - 1 : std::max<uint64_t>(now + ns, 1);
}
inline bool has_kept_deadline() { return current_user_thread().deadline_after_stop_ns != 0; }
/// The call ends with EINTR and is to go on to `deadline_ns` when it begins again.
inline void keep_deadline(uint64_t deadline_ns) {
  current_user_thread().deadline_after_stop_ns = deadline_ns;
}

}  // namespace cairn
