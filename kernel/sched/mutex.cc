#include "sched/mutex.h"

#include "lib/assert.h"
#include "lib/format.h"

namespace cairn {

namespace {

/// Debug builds: a thread that holds a mutex may take only mutexes of lower rank.
void check_rank(const Mutex& mutex) {
  uint64_t up_to_rank = (2ull << unsigned(mutex.rank())) - 1;
  if ((current_thread()->held_mutex_ranks & up_to_rank) == 0) return;
  char text[120];
  BufferWriter out(text);
  print(out, "lock order: taking mutex '{}' while holding one that ranks no higher", mutex.name());
  panic(text);
}

}  // namespace

void Mutex::lock() NO_THREAD_SAFETY_ANALYSIS {
  if (kDebugBuild) {
    check_rank(*this);
    acquire();
    current_thread()->held_mutex_ranks |= 1ull << unsigned(rank_);
    beside_ = false;
  } else {
    acquire();
  }
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
  if (kDebugBuild && !beside_) current_thread()->held_mutex_ranks &= ~(1ull << unsigned(rank_));
  owner_.store(nullptr);
  // The waiter counts itself before it tries, we free before we look: one of us sees the other.
  if (waiting_.load() != 0) queue_.wake_one();
}

}  // namespace cairn
