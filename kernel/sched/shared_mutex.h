// A lock that many readers or one writer hold; waiters sleep. A waiting writer keeps new readers
// out, so readers can't starve it: nobody may take the lock twice, not even for reading.
#pragma once

#include "sched/wait_queue.h"
#include "sync/annotations.h"
#include "sync/lock_order.h"

namespace cairn {

class CAPABILITY("shared mutex") SharedMutex {
 public:
  constexpr SharedMutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  /// May sleep: no spinlock held, interrupts on.
  void lock() ACQUIRE();
  /// While a shared mutex of equal rank is held, where something else rules out a circle: two
  /// directories are locked in order of address, a directory before a file in it.
  void lock_beside() ACQUIRE();
  void unlock() RELEASE();
  void lock_shared() ACQUIRE_SHARED();
  void unlock_shared() RELEASE_SHARED();

  bool held_exclusively_by_me() const {
    return writer_.load(std::memory_order_relaxed) == current_thread();
  }

 private:
  bool try_exclusive();
  bool try_shared();

  const char* name_;
  LockRank rank_;
  bool beside_ = false;  // the writer took it with lock_beside()
  std::atomic<Thread*> writer_{nullptr};
  std::atomic<int32_t> holders_{0};  // readers; -1: a writer
  std::atomic<uint32_t> waiting_writers_{0};
  std::atomic<uint32_t> waiting_{0};
  WaitQueue queue_{"mutex"};
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
