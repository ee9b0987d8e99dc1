// A lock whose waiters sleep. Uncontended it costs one atomic exchange each way.
#pragma once

#include <atomic>

#include "sched/wait_queue.h"
#include "sync/annotations.h"
#include "sync/lock_order.h"

namespace cairn {

class CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// May sleep: no spinlock held, interrupts on. Not recursive.
  void lock() ACQUIRE();
  /// The same while a mutex of equal rank is held, where something else rules out a circle: fork
  /// locks the parent's address space, then the child's that nobody else knows yet.
  void lock_beside() ACQUIRE();
  void unlock() RELEASE();
  bool held_by_me() const { return owner_.load(std::memory_order_relaxed) == current_thread(); }

 private:
  bool try_lock() {
    Thread* nobody = nullptr;
    return owner_.compare_exchange_strong(nobody, current_thread());
  }

  void acquire();

  const char* name_;
  LockRank rank_;
  bool beside_ = false;  // the owner took it with lock_beside()
  std::atomic<Thread*> owner_{nullptr};
  std::atomic<uint32_t> waiting_{0};
  WaitQueue queue_{"mutex"};
};

struct BesideEqualRank {};  // see Mutex::lock_beside()

class SCOPED_CAPABILITY MutexGuard {
 public:
  MutexGuard(Mutex& mutex, BesideEqualRank) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock_beside(); }
  explicit MutexGuard(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() RELEASE() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace cairn
