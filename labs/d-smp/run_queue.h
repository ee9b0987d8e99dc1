// What run_queue.cc and load_balancer.cc share: how a run queue looks. Private to the lab.
#pragma once

#include "sched/run_queue.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

// BEGIN SOLUTION D2
// STARTER: struct RunQueue {};
/// Threads wait in a ring of lists, one for each kBucketTicks of *virtual time* from the queue's `now` on. That is the time
/// that a thread ran, stretched by how nice it is, and who has had least runs next. A word of bits finds the first list
/// that isn't empty, so adding and picking take the same time however many wait.
struct RunQueue {
  static constexpr unsigned kBuckets = 64;
  // Some milliseconds; a power of two, so one instruction divides by it.
  static constexpr uint64_t kBucketTicks = 1 << 23;
  // From `now`: nobody waits beyond.
  static constexpr uint64_t kFarthest = (kBuckets - 2) * kBucketTicks;

  explicit RunQueue(CpuId owner) : cpu(owner) {}

  const CpuId cpu;
  Spinlock lock{"run queue", LockRank::kRunQueue};
  List<Thread, &Thread::run_link> ring[kBuckets] GUARDED_BY(lock) = {};
  uint64_t nonempty GUARDED_BY(lock) = 0;       // bit n: ring[n] isn't empty
  uint64_t waiting_since GUARDED_BY(lock) = 0;  // TSC: when the queue was empty last
  // Written with the lock. Others look at them without, to choose a queue.
  std::atomic<uint64_t> now{0};    // virtual time of who was picked last; never goes back
  std::atomic<unsigned> count{0};  // threads that wait
  // load_of() its processor over some looks of run_queue_balance(), in parts of kLoadUnit. Stale while that idles.
  std::atomic<unsigned> average_load{0};
  static constexpr unsigned kLoadUnit = 1 << 10;

  /// `before_equals`: before those who have had as much as it; it waited for something meanwhile.
  void insert(Thread& thread, bool before_equals) REQUIRES(lock);
  /// `place`: its list in the ring.
  void remove(Thread& thread, unsigned place) REQUIRES(lock) {
    ring[place].remove(thread);
    if (ring[place].empty()) nonempty &= ~(1ull << place);
    count.store(count.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }
  /// The list with who runs next, if anybody waits.
  unsigned first_place() const REQUIRES(lock);
  /// Takes out one of those that would wait longest, if it may run on `other`, and makes it fit to be put there.
  /// Null if there is none among a bounded number.
  Thread* take_for(const RunQueue& other) REQUIRES(lock);
};

/// A thread's virtual time, TSC ticks. As of the queue in which it is, or from which it was picked last.
inline uint64_t& virtual_time(Thread& thread) { return thread.queue_words[0]; }

/// Makes it relative to another queue.
void change_queue(Thread& thread, const RunQueue& from, const RunQueue& to);

/// A processor's threads, the one that runs and those that wait; a snapshot.
unsigned load_of(const Cpu& cpu);
// END SOLUTION

}  // namespace cairn
