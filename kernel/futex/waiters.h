// The table of those who wait for futexes. It is cut into buckets by key, each with its lock; a bucket has a queue for each
// key that somebody waits for, so that finding a key costs the same however many wait for others.
//
// Nothing is allocated: each waiter brings a queue, and one of those who wait for the same key, their host, lends his.
// When he leaves, the others move into the next one's.
#pragma once

#include <atomic>

#include "lib/list.h"
#include "sched/thread.h"
#include "sync/spinlock.h"

namespace cairn {

/// What makes a word the same for two threads: an address space and an address, or a memory object's number and a
/// place in it (key_of() in futex.cc).
struct FutexKey {
  uint64_t owner = 0, place = 0;
  bool operator==(const FutexKey&) const = default;
};

/// A waiter as his queue holds him.
struct FutexGuest {
  ListLink link;
};
using FutexGuests = List<FutexGuest, &FutexGuest::link>;

struct FutexQueue {
  FutexKey key;
  ListLink bucket_link;  // while its owner is the host
  FutexGuests guests;
};

struct FutexBucket;

struct FutexWaiter : FutexGuest, FutexQueue {
  FutexWaiter(Thread& sleeper, uint32_t wanted) : thread(sleeper), bits(wanted) {}

  Thread& thread;
  const uint32_t bits;
  std::atomic<FutexBucket*> bucket{nullptr};  // whose lock protects the rest; changes with it held
  bool is_queued = false;
  std::atomic<bool> is_woken{
      false};  // for good: nobody but he himself touches him after that lock is free
};

struct FutexBucket {
  Spinlock lock{"futex", LockRank::kFutex};
  List<FutexQueue, &FutexQueue::bucket_link> queues GUARDED_BY(lock);

  /// Puts a waiter behind the others of his key.
  void add(FutexWaiter& waiter, const FutexKey& key) REQUIRES(lock);
  /// Takes out one that is queued here.
  void remove(FutexWaiter& waiter) REQUIRES(lock);
  /// Takes out at most `count` of those who wait for `key` with one of `bits`, the first first, into `taken`; how many.
  uint64_t take(const FutexKey& key, uint64_t count, uint32_t bits, FutexGuests& taken)
      REQUIRES(lock);

 private:
  FutexQueue* find(const FutexKey& key) REQUIRES(lock);
  void settle(FutexQueue& queue) REQUIRES(lock);
};

FutexBucket& futex_bucket(const FutexKey& key);

}  // namespace cairn
