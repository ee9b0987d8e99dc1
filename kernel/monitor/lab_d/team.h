// Threads that do the same at the same time on all processors, for the stress commands.
#pragma once

#include "memory/heap.h"
#include "monitor/command.h"
#include "sched/wait_queue.h"

namespace cairn {

inline constexpr unsigned kMaxTeam = 64;  // threads

/// Runs work.run(number) on `size` threads, each bound to a processor, the first to the first and so on, and returns when
/// all have ended. ENOMEM: not all could be made; the others ran. At most kMaxTeam.
Result<void> run_team(unsigned size, void (*run)(void* work, unsigned number), void* work);

template <class Work>
Result<void> run_team(unsigned size, Work& work) {
  return run_team(
      size, [](void* context, unsigned number) { static_cast<Work*>(context)->run(number); },
      &work);
}

/// What the commands of this kind take: how many threads, and how often each does what it does.
struct TeamSize {
  unsigned threads;
  uint64_t rounds;
};
Result<TeamSize> parse_team(MonitorSession& session, Arguments arguments);

}  // namespace cairn
