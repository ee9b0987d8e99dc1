// On the host: a lock that is taken out of order is refused, one that is held is waited for.
#pragma once

#include "sched/wait_queue.h"

namespace cairn {

/// The kernel's rule: who holds a mutex takes only those of lower rank.
inline void take_rank(LockRank rank) {
  ASSERT((host::held_ranks & ((2ull << unsigned(rank)) - 1)) == 0);
  host::held_ranks |= 1ull << unsigned(rank);
}
inline void leave_rank(LockRank rank) { host::held_ranks &= ~(1ull << unsigned(rank)); }

class CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() ACQUIRE() {
    host::may_switch();
    take_rank(rank_);
    while (held_) host::wait_for_change(leaves_, leaves_, name_);
    held_ = true;
    owner_ = host::running_thread();
  }
  void unlock() RELEASE() {
    ASSERT(held_ && owner_ == host::running_thread());
    leave_rank(rank_);
    held_ = false;
    leaves_++;
    host::may_switch();
  }
  bool held_by_me() const { return held_ && owner_ == host::running_thread(); }

 private:
  const char* name_;
  LockRank rank_;
  bool held_ = false;
  uint64_t owner_ = 0;
  uint64_t leaves_ = 0;
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
