// An alternative to labs/d-smp/load_balancer.cc: a processor gives a thread away once it has had more than
// another for a while.
#include "metrics/counter.h"
#include "run_queue.h"

namespace cairn {

namespace {

constexpr unsigned kLooksBefore = 8;

Thread* move_from(RunQueue& source, const Cpu& target) {
  Thread* thread;
  {
    IrqGuard hold(source.guard);
    thread = source.pop_for(target.id);
  }
  if (thread != nullptr) had(*thread) += target.run_queue->floor.load() - source.floor.load();
  return thread;
}

}  // namespace

Thread* run_queue_steal() {
  const Cpu& me = this_cpu();
  for (unsigned wanted = 8; wanted > 1; wanted /= 2) {
    for (Cpu* other : all_cpus()) {
      if (other == &me || threads_of(*other) < wanted) continue;
      if (Thread* stolen = move_from(*other->run_queue, me)) return stolen;
    }
  }
  return nullptr;
}

void run_queue_balance() {
  Cpu& me = this_cpu();
  RunQueue& mine = *me.run_queue;
  Cpu* poorest = &me;
  for (Cpu* other : all_cpus()) {
    if (threads_of(*other) < threads_of(*poorest)) poorest = other;
  }
  if (threads_of(me) < threads_of(*poorest) + 2) {
    mine.busy_looks = 0;
    return;
  }
  if (++mine.busy_looks < kLooksBefore) return;
  mine.busy_looks = 0;
  Thread* thread = move_from(mine, *poorest);
  if (thread == nullptr) return;
  RunQueue& its = *poorest->run_queue;
  {
    IrqGuard hold(its.guard);
    its.put(*thread);
  }
  request_reschedule(poorest->id);
}

}  // namespace cairn
