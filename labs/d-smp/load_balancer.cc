// LAB D3: moving threads between processors. Contract: kernel/sched/run_queue.h.
// handouts/d-smp.md#d3 explains when and which; check with: make grade LAB=d K=D3
#include "sched/run_queue.h"

#include "metrics/counter.h"
#include "run_queue.h"
#include "sched/scheduler.h"
#include "standins/standins.h"

namespace cairn {

CAIRN_COUNTER(steal_count, "sched.steals");
CAIRN_COUNTER(balance_count, "sched.balanced");

// BEGIN SOLUTION D3
// STARTER:
namespace {

constexpr unsigned kLooks = 16;  // at threads of a queue, for one that may go

/// The processor that has most or least to do, this one left out; null if it is alone.
template <class Better>
Cpu* extreme_cpu(Better better) {
  Cpu* found = nullptr;
  for (Cpu* cpu : all_cpus()) {
    if (cpu == &this_cpu()) continue;
    if (found == nullptr || better(load_of(*cpu), load_of(*found))) found = cpu;
  }
  return found;
}

Thread* take(RunQueue& from, const RunQueue& to) {
  OffGuard guard(from.lock);
  return from.take_for(to);
}

}  // namespace

Thread* RunQueue::take_for(const RunQueue& other) {
  unsigned looks = 0;
  unsigned start = unsigned(now.load() / kBucketTicks % kBuckets);
  for (unsigned ahead = kBuckets; ahead-- > 0;) {
    unsigned place = (start + ahead) % kBuckets;
    for (Thread& thread : ring[place]) {
      if (looks++ == kLooks) return nullptr;
      if (!thread.allowed_cpus.load().has(other.cpu)) continue;
      remove(thread, place);
      change_queue(thread, *this, other);
      return &thread;
    }
  }
  return nullptr;
}
// END SOLUTION

// LAB D3: run_queue_steal() (handouts/d-smp.md#d3). Check: make grade LAB=d K=D3
Thread* run_queue_steal() {
  // BEGIN SOLUTION D3
  // STARTER: return standin::run_queue_steal();
  Cpu* busiest = extreme_cpu([](unsigned a, unsigned b) { return a > b; });
  // One who has a single thread runs it, or is about to.
  if (busiest == nullptr || load_of(*busiest) < 2) return nullptr;
  Thread* thread = take(*busiest->run_queue, *this_cpu().run_queue);
  if (thread != nullptr) steal_count.increment();
  return thread;
  // END SOLUTION
}

// LAB D3: run_queue_balance() (handouts/d-smp.md#d3). Check: make grade LAB=d K=D3
void run_queue_balance() {
  // BEGIN SOLUTION D3
  // STARTER: standin::run_queue_balance();
  Cpu* idlest = extreme_cpu([](unsigned a, unsigned b) { return a < b; });
  if (idlest == nullptr) return;
  RunQueue& here = *this_cpu().run_queue;
  RunQueue& there = *idlest->run_queue;
  // A difference of one would only change sides.
  while (load_of(this_cpu()) >= load_of(*idlest) + 2) {
    Thread* thread = take(here, there);
    if (thread == nullptr) return;
    {
      OffGuard guard(there.lock);
      there.insert(*thread, false);
    }
    balance_count.increment();
    request_reschedule(idlest->id);
  }
  // END SOLUTION
}

}  // namespace cairn
