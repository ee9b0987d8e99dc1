#include "sched/mutex.h"

#include "lib/assert.h"

namespace cairn {

void Mutex::lock() NO_THREAD_SAFETY_ANALYSIS {
  if (kDebugBuild) ASSERT(this_cpu().preempt_count == 0);
  if (try_lock()) return;
  ASSERT(!held_by_me());
  waiting_.fetch_add(1);
  queue_.wait_until([this] { return try_lock(); });
  waiting_.fetch_sub(1);
}

void Mutex::unlock() NO_THREAD_SAFETY_ANALYSIS {
  owner_.store(nullptr);
  // The waiter counts itself before it tries, we free before we look: one of us sees the other.
  if (waiting_.load() != 0) queue_.wake_one();
}

}  // namespace cairn
