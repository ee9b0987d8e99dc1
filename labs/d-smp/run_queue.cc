// LAB D2: run queues. Contract: kernel/sched/run_queue.h.
// handouts/d-smp.md#d2 explains them; check with: make grade LAB=d K=D2
#include "run_queue.h"

#include <algorithm>
#include <bit>

#include "arch/cpu.h"
#include "memory/heap.h"
#include "sched/scheduler.h"
#include "standins/standins.h"
#include "time/clock.h"

namespace cairn {

// BEGIN SOLUTION D2
// STARTER:
namespace {

unsigned place_of(uint64_t virtual_time) {
  return unsigned(virtual_time / RunQueue::kBucketNs % RunQueue::kBuckets);
}

/// How much a thread's time counts, in parts of kStretchUnit, by its niceness: each step is a quarter more.
constexpr uint64_t kStretchUnit = 1 << 16;
constexpr auto kStretch = [] {
  std::array<uint64_t, 40> stretch{};
  stretch[20] = kStretchUnit;
  for (size_t i = 21; i < 40; i++) stretch[i] = stretch[i - 1] * 5 / 4;
  for (size_t i = 20; i > 0; i--) stretch[i - 1] = stretch[i] * 4 / 5;
  return stretch;
}();

/// Charges a thread for what it ran since the last time, but for no more than `most` of it (TSC ticks).
void charge(Thread& thread, uint64_t runtime_tsc, uint64_t most) {
  uint64_t& charged = thread.queue_words[1];
  uint64_t ticks = std::min(runtime_tsc - charged, most);
  charged = runtime_tsc;
  virtual_ns(thread) += ns_of_tsc(ticks) * kStretch[size_t(thread.nice.load() + 20)] / kStretchUnit;
}

bool is_free(const Cpu& cpu) { return load_of(cpu) == 0; }

/// Where a thread will run. Where nobody else does, if there is such a place; else where it ran.
Cpu& choose_cpu(const Thread& thread, QueueReason reason) {
  std::span<Cpu* const> cpus = all_cpus();
  CpuSet allowed = thread.allowed_cpus.load();
  Cpu* home = reason == QueueReason::kNew ? &this_cpu() : cpus[thread.last_cpu.value];
  bool may_stay = allowed.has(home->id);
  if (may_stay && (reason == QueueReason::kGaveWay || is_free(*home))) return *home;
  Cpu* best = nullptr;
  for (Cpu* cpu : cpus) {
    if (!allowed.has(cpu->id)) continue;
    if (best == nullptr || load_of(*cpu) < load_of(*best)) best = cpu;
  }
  if (best == nullptr) return *home;  // nobody that it allows runs
  bool moves = !may_stay || is_free(*best) || reason == QueueReason::kNew;
  return moves ? *best : *home;
}

}  // namespace

unsigned load_of(const Cpu& cpu) { return cpu.run_queue->count.load() + !is_idle(cpu); }

void change_queue(Thread& thread, const RunQueue& from, const RunQueue& to) {
  uint64_t past = from.now.load();
  uint64_t ahead = virtual_ns(thread) > past ? virtual_ns(thread) - past : 0;
  virtual_ns(thread) = to.now.load() + ahead;
}

void RunQueue::insert(Thread& thread, bool before_equals) {
  uint64_t& time = virtual_ns(thread);
  time = std::clamp(time, now.load(), now.load() + kFarthestNs);
  auto& list = ring[place_of(time)];
  before_equals ? list.push_front(thread) : list.push_back(thread);
  nonempty |= 1ull << place_of(time);
  if (count.fetch_add(1) == 0) waiting_since = read_tsc();
}

void RunQueue::remove(Thread& thread) {
  unsigned place = place_of(virtual_ns(thread));
  ring[place].remove(thread);
  if (ring[place].empty()) nonempty &= ~(1ull << place);
  count.fetch_sub(1);
}

Thread* RunQueue::first() {
  if (nonempty == 0) return nullptr;
  unsigned start = place_of(now.load());
  unsigned place = start + unsigned(std::countr_zero(std::rotr(nonempty, int(start))));
  return ring[place % kBuckets].front();
}
// END SOLUTION

// LAB D2: run_queue_start() (handouts/d-smp.md#d2). Check: make grade LAB=d K=D2
Result<void> run_queue_start(Cpu& cpu) {
  // BEGIN SOLUTION D2
  // STARTER: return standin::run_queue_start(cpu);
  cpu.run_queue = new_object<RunQueue>(cpu.id);
  return cpu.run_queue != nullptr ? Result<void>() : Errno::kENOMEM;
  // END SOLUTION
}

// LAB D2: run_queue_add() (handouts/d-smp.md#d2). Check: make grade LAB=d K=D2
void run_queue_add(Thread& thread, QueueReason reason) {
  // BEGIN SOLUTION D2
  // STARTER: standin::run_queue_add(thread, reason);
  Cpu& cpu = choose_cpu(thread, reason);
  RunQueue& queue = *cpu.run_queue;
  charge(thread, thread.runtime_tsc, UINT64_MAX);
  if (reason == QueueReason::kNew) {
    virtual_ns(thread) = queue.now.load();
  } else if (cpu.id != thread.last_cpu) {
    change_queue(thread, *all_cpus()[thread.last_cpu.value]->run_queue, queue);
  }
  bool at_once = reason == QueueReason::kNew || reason == QueueReason::kWoken;
  bool waited = reason == QueueReason::kWoken || reason == QueueReason::kWokenForLater;
  bool elsewhere = cpu.id != this_cpu().id;
  {
    IrqGuard guard(queue.lock);
    queue.insert(thread, waited);
  }
  // Who halts has to be told. Another processor that runs somebody looks at its next tick.
  if (at_once || (elsewhere && is_idle(cpu))) request_reschedule(cpu.id);
  // END SOLUTION
}

// LAB D2: run_queue_pick() (handouts/d-smp.md#d2). Check: make grade LAB=d K=D2
Thread* run_queue_pick(Thread* running) {
  // BEGIN SOLUTION D2
  // STARTER: return standin::run_queue_pick(running);
  RunQueue& queue = *this_cpu().run_queue;
  if (queue.count.load() == 0) return nullptr;
  IrqGuard guard(queue.lock);
  Thread* next = queue.first();
  if (next == nullptr) return nullptr;
  if (running != nullptr) {
    // What it ran while nobody waited cost nobody anything.
    uint64_t tsc = read_tsc();
    uint64_t runtime = running->runtime_tsc + (tsc - running->switched_in_tsc);
    charge(*running, runtime, tsc - queue.waiting_since);
    if (virtual_ns(*running) / RunQueue::kBucketNs < virtual_ns(*next) / RunQueue::kBucketNs)
      return nullptr;
  }
  queue.remove(*next);
  queue.now.store(std::max(queue.now.load(), virtual_ns(*next)));
  return next;
  // END SOLUTION
}

// LAB D2: run_queue_has_waiting() (handouts/d-smp.md#d2). Check: make grade LAB=d K=D2
bool run_queue_has_waiting() {
  // BEGIN SOLUTION D2
  // STARTER: return standin::run_queue_has_waiting();
  return this_cpu().run_queue->count.load() != 0;
  // END SOLUTION
}

}  // namespace cairn
