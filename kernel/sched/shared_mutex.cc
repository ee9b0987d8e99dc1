#include "sched/shared_mutex.h"

#include "lib/assert.h"
#include "sched/mutex_ranks.h"

namespace cairn {

bool SharedMutex::try_exclusive() {
  int32_t free = 0;
  if (!holders_.compare_exchange_strong(free, -1)) return false;
  writer_.store(current_thread(), std::memory_order_relaxed);
  return true;
}

bool SharedMutex::try_shared() {
  if (waiting_writers_.load() != 0) return false;
  int32_t readers = holders_.load();
  while (readers >= 0) {
    if (holders_.compare_exchange_weak(readers, readers + 1)) return true;
  }
  return false;
}

void SharedMutex::lock() NO_THREAD_SAFETY_ANALYSIS {
  note_mutex_taken(rank_, name_);
  lock_beside();
  beside_ = false;
}

void SharedMutex::lock_beside() NO_THREAD_SAFETY_ANALYSIS {
  if (kDebugBuild) ASSERT(this_cpu().preempt_count == 0);
  if (!try_exclusive()) {
    ASSERT(!held_exclusively_by_me());
    waiting_writers_.fetch_add(1);
    waiting_.fetch_add(1);
    queue_.wait_until([this] { return try_exclusive(); });
    waiting_.fetch_sub(1);
    waiting_writers_.fetch_sub(1);
  }
  beside_ = true;
}

void SharedMutex::unlock() NO_THREAD_SAFETY_ANALYSIS {
  if (!beside_) note_mutex_left(rank_);
  writer_.store(nullptr, std::memory_order_relaxed);
  holders_.store(0);
  // A waiter counts itself before it tries, we free before we look: one of us sees the other.
  if (waiting_.load() != 0) queue_.wake_all();
}

void SharedMutex::lock_shared() NO_THREAD_SAFETY_ANALYSIS {
  note_mutex_taken(rank_, name_);
  if (kDebugBuild) ASSERT(this_cpu().preempt_count == 0);
  if (try_shared()) return;
  waiting_.fetch_add(1);
  queue_.wait_until([this] { return try_shared(); });
  waiting_.fetch_sub(1);
}

void SharedMutex::unlock_shared() NO_THREAD_SAFETY_ANALYSIS {
  note_mutex_left(rank_);
  if (holders_.fetch_sub(1) == 1 && waiting_.load() != 0) queue_.wake_all();
}

}  // namespace cairn
