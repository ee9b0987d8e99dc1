#include "sched/mutex.h"

#include "lib/assert.h"
#include "sched/mutex_ranks.h"

namespace cairn {

void Mutex::lock() NO_THREAD_SAFETY_ANALYSIS {
  note_mutex_taken(rank_, name_);
  acquire();
  if (kDebugBuild) beside_ = false;
}

void Mutex::lock_beside() NO_THREAD_SAFETY_ANALYSIS {
  acquire();
  beside_ = true;
}

void Mutex::acquire() {
  if (kDebugBuild) ASSERT(this_cpu().preempt_count == 0);
  if (try_lock()) return;
  ASSERT(!held_by_me());
  waiting_.fetch_add(1);
  queue_.wait_until([this] { return try_lock(); });
  waiting_.fetch_sub(1);
}

void Mutex::unlock() NO_THREAD_SAFETY_ANALYSIS {
  if (kDebugBuild && !beside_) note_mutex_left(rank_);
  owner_.store(nullptr);
  // The waiter counts itself before it tries, we free before we look: one of us sees the other.
  if (waiting_.load() != 0) queue_.wake_one();
}

}  // namespace cairn
