// For kernel tests: waiting for what other threads do, wherever they run.
#pragma once

#include "sched/wait_queue.h"
#include "time/clock.h"

namespace cairn {

/// Lets others run until `reached()`, but not for ever: whether it was reached. Sleeps.
template <class Reached>
bool is_reached(Reached reached) {
  constexpr unsigned kLooks = 100'000;
  for (unsigned looks = 0; looks < kLooks && !reached(); looks++)
    (void)sleep_until(monotonic_ns() + 50'000);
  return reached();
}

/// Lets others go on until they wait for something. Sleeps a little.
inline void let_others_run() { (void)sleep_until(monotonic_ns() + 500'000); }

}  // namespace cairn
