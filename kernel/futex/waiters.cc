#include "futex/waiters.h"

namespace cairn {

namespace {

constexpr unsigned kBucketBits = 9;
constinit FutexBucket futex_buckets[1 << kBucketBits];

}  // namespace

FutexBucket& futex_bucket(const FutexKey& key) {
  // Fibonacci hashing: the high bits of a product with 2^64 / golden ratio.
  constexpr uint64_t kFactor = 0x9e37'79b9'7f4a'7c15;
  uint64_t mixed = (key.owner * kFactor ^ key.place) * kFactor;
  return futex_buckets[mixed >> (64 - kBucketBits)];
}

FutexQueue* FutexBucket::find(const FutexKey& key) {
  for (FutexQueue& queue : queues) {
    if (queue.key == key) return &queue;
  }
  return nullptr;
}

/// After guests left: the queue stays with its host, moves to another waiter if he left, or goes if nobody is left.
void FutexBucket::settle(FutexQueue& queue) {
  if (static_cast<FutexWaiter&>(queue).is_queued) return;
  queue.bucket_link.unlink();
  FutexGuest* next = queue.guests.front();
  if (next == nullptr) return;
  FutexQueue& other = *static_cast<FutexWaiter*>(next);
  other.guests.append(queue.guests);
  queues.push_back(other);
}

void FutexBucket::add(FutexWaiter& waiter, const FutexKey& key) {
  FutexQueue* queue = find(key);
  waiter.key = key;
  waiter.bucket = this;
  waiter.is_queued = true;
  if (queue == nullptr) {
    queue = &waiter;
    queues.push_back(waiter);
  }
  queue->guests.push_back(waiter);
}

void FutexBucket::remove(FutexWaiter& waiter) {
  waiter.is_queued = false;
  FutexGuests::remove(waiter);
  if (waiter.bucket_link.linked()) settle(waiter);
}

uint64_t FutexBucket::take(const FutexKey& key, uint64_t count, uint32_t bits, FutexGuests& taken) {
  FutexQueue* queue = find(key);
  if (queue == nullptr) return 0;
  uint64_t done = 0;
  for (FutexGuest& guest : queue->guests) {
    auto& waiter = static_cast<FutexWaiter&>(guest);
    if (done == count) break;
    if ((waiter.bits & bits) == 0) continue;
    waiter.is_queued = false;
    FutexGuests::remove(waiter);
    taken.push_back(waiter);
    done++;
  }
  settle(*queue);
  return done;
}

}  // namespace cairn
