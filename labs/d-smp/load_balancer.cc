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
// A difference of one would only change sides.
constexpr unsigned kUneven = RunQueue::kLoadUnit * 3 / 2;

/// The processor with the least or most of something, this one left out; null if it is alone.
template <class Amount, class Better>
Cpu* extreme_cpu(Amount amount, Better better) {
  Cpu* found = nullptr;
  for (Cpu* cpu : all_cpus()) {
    if (cpu == &this_cpu()) continue;
    if (found == nullptr || better(amount(*cpu), amount(*found))) found = cpu;
  }
  return found;
}

unsigned average_load_of(const Cpu& cpu) {
  return is_idle(cpu) ? 0 : cpu.run_queue->average_load.load();
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
  Cpu* busiest = extreme_cpu(load_of, [](unsigned a, unsigned b) { return a > b; });
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
  // At a moment a thread may have woken up that is about to sleep again, or be on its way into the queue. So what counts
  // is an average, of which the last look is a quarter. Others write it, too.
  RunQueue& here = *this_cpu().run_queue;
  here.average_load.fetch_add(load_of(this_cpu()) * (RunQueue::kLoadUnit / 4) -
                              here.average_load.load() / 4);
  Cpu* idlest = extreme_cpu(average_load_of, [](unsigned a, unsigned b) { return a < b; });
  if (idlest == nullptr) return;
  RunQueue& there = *idlest->run_queue;
  while (average_load_of(this_cpu()) >= average_load_of(*idlest) + kUneven) {
    Thread* thread = take(here, there);
    if (thread == nullptr) return;
    {
      OffGuard guard(there.lock);
      there.insert(*thread, false);
    }
    here.average_load.fetch_sub(RunQueue::kLoadUnit);
    there.average_load.fetch_add(RunQueue::kLoadUnit);
    balance_count.increment();
    request_reschedule(idlest->id);
  }
  // END SOLUTION
}

}  // namespace cairn
