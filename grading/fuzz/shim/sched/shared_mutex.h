// On the host: with one thread, a lock that is taken twice, or out of order, is a deadlock.
#pragma once

#include "sched/mutex.h"

namespace cairn {

class CAPABILITY("shared mutex") SharedMutex {
 public:
  constexpr SharedMutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  void lock() ACQUIRE() {
    ASSERT(holders_ == 0);
    take_rank(rank_);
    holders_ = -1;
  }
  /// The rank is held already.
  void lock_beside() ACQUIRE() {
    ASSERT(holders_ == 0);
    beside_ = true;
    holders_ = -1;
  }
  void unlock() RELEASE() {
    ASSERT(holders_ == -1);
    if (!beside_) leave_rank(rank_);
    beside_ = false;
    holders_ = 0;
  }
  void lock_shared() ACQUIRE_SHARED() {
    ASSERT(holders_ >= 0);
    take_rank(rank_);
    holders_++;
  }
  void unlock_shared() RELEASE_SHARED() {
    ASSERT(holders_ > 0);
    leave_rank(rank_);
    holders_--;
  }
  bool held_exclusively_by_me() const { return holders_ == -1; }

 private:
  const char* name_;
  LockRank rank_;
  int holders_ = 0;
  bool beside_ = false;
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
