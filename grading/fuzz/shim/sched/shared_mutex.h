// On the host: a lock that is taken out of order is refused, one that is held is waited for.
#pragma once

#include "sched/mutex.h"

namespace cairn {

class CAPABILITY("shared mutex") SharedMutex {
 public:
  constexpr SharedMutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  void lock() ACQUIRE() {
    host::may_switch();
    take_rank(rank_);
    take();
  }
  /// The rank is held already.
  void lock_beside() ACQUIRE() {
    host::may_switch();
    take();
    beside_ = true;
  }
  void unlock() RELEASE() {
    ASSERT(held_exclusively_by_me());
    if (!beside_) leave_rank(rank_);
    beside_ = false;
    holders_ = 0;
    leave();
  }
  void lock_shared() ACQUIRE_SHARED() {
    host::may_switch();
    take_rank(rank_);
    while (holders_ < 0) host::wait_for_change(leaves_, leaves_, name_);
    holders_++;
  }
  void unlock_shared() RELEASE_SHARED() {
    ASSERT(holders_ > 0);
    leave_rank(rank_);
    holders_--;
    leave();
  }
  bool held_exclusively_by_me() const { return holders_ == -1 && owner_ == host::running_thread(); }

 private:
  void take() {
    while (holders_ != 0) host::wait_for_change(leaves_, leaves_, name_);
    holders_ = -1;
    owner_ = host::running_thread();
  }
  void leave() {
    leaves_++;
    host::may_switch();
  }

  const char* name_;
  LockRank rank_;
  int holders_ = 0;
  bool beside_ = false;
  uint64_t owner_ = 0;
  uint64_t leaves_ = 0;
};

class SCOPED_CAPABILITY ExclusiveGuard {
 public:
  explicit ExclusiveGuard(SharedMutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~ExclusiveGuard() RELEASE() { mutex_.unlock(); }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;

 private:
  SharedMutex& mutex_;
};

class SCOPED_CAPABILITY SharedGuard {
 public:
  explicit SharedGuard(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~SharedGuard() RELEASE() { mutex_.unlock_shared(); }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace cairn
