// On the host: with one thread, a lock that is taken twice, or out of order, is a deadlock.
#pragma once

#include "sched/wait_queue.h"

namespace cairn {

/// The kernel's rule: who holds a mutex takes only those of lower rank.
inline uint64_t held_ranks = 0;
inline void take_rank(LockRank rank) {
  ASSERT((held_ranks & ((2ull << unsigned(rank)) - 1)) == 0);
  held_ranks |= 1ull << unsigned(rank);
}
inline void leave_rank(LockRank rank) { held_ranks &= ~(1ull << unsigned(rank)); }

class CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() ACQUIRE() {
    ASSERT(!held_);
    take_rank(rank_);
    held_ = true;
  }
  void unlock() RELEASE() {
    leave_rank(rank_);
    held_ = false;
  }

 private:
  const char* name_;
  LockRank rank_;
  bool held_ = false;
};

class SCOPED_CAPABILITY MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() RELEASE() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace cairn
