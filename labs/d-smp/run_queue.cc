// LAB D2: run queues. Contract: kernel/sched/run_queue.h.
// handouts/d-smp.md#d2 explains them; check with: make grade LAB=d K=D2
#include "run_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "arch/cpu.h"
#include "memory/heap.h"
#include "sched/scheduler.h"
#include "standins/standins.h"

namespace cairn {

// BEGIN SOLUTION D2
// STARTER:
namespace {

unsigned place_of(uint64_t virtual_time) {
  return unsigned(virtual_time / RunQueue::kBucketTicks % RunQueue::kBuckets);
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

/// Makes a thread's time count.
void charge(Thread& thread, uint64_t ticks) {
  virtual_time(thread) += ticks * kStretch[unsigned(thread.nice.load() + 20)] / kStretchUnit;
}

/// What it ran since the last time, TSC ticks.
uint64_t uncharged(Thread& thread, uint64_t runtime_tsc) {
  return runtime_tsc - std::exchange(thread.queue_words[1], runtime_tsc);
}

/// Whether who runs should go on before one that waits. What it ran while nobody waited cost nobody anything.
[[gnu::noinline]] bool comes_before(Thread& running, Thread& next, uint64_t waiting_since) {
  uint64_t tsc = read_tsc();
  uint64_t runtime = running.runtime_tsc + (tsc - running.switched_in_tsc);
  charge(running, std::min(uncharged(running, runtime), tsc - waiting_since));
  return virtual_time(running) / RunQueue::kBucketTicks <
         virtual_time(next) / RunQueue::kBucketTicks;
}

bool is_free(const Cpu& cpu) { return load_of(cpu) == 0; }

/// Where one runs whose home, where it ran or was made, isn't free or isn't allowed: where nobody else does, if there
/// is such a place; else at home.
Cpu& choose_other_cpu(std::span<Cpu* const> cpus, Cpu* home, CpuSet allowed, QueueReason reason) {
  Cpu* best = nullptr;
  for (Cpu* cpu : cpus) {
    if (!allowed.has(cpu->id)) continue;
    if (best == nullptr || load_of(*cpu) < load_of(*best)) best = cpu;
  }
  if (best == nullptr) return *home;  // nobody that it allows runs
  bool moves = !allowed.has(home->id) || is_free(*best) || reason == QueueReason::kNew;
  return moves ? *best : *home;
}

Cpu& choose_cpu(const Thread& thread, QueueReason reason) {
  std::span<Cpu* const> cpus = all_cpus();
  if (cpus.size() == 1) return *cpus[0];
  CpuSet allowed = thread.allowed_cpus.load();
  Cpu* home = reason == QueueReason::kNew ? &this_cpu() : cpus[thread.last_cpu.value];
  if (allowed.has(home->id) && is_free(*home)) return *home;
  return choose_other_cpu(cpus, home, allowed, reason);
}

[[gnu::noinline]] void add_where_it_suits(Thread& thread, QueueReason reason) {
  Cpu& cpu = choose_cpu(thread, reason);
  RunQueue& queue = *cpu.run_queue;
  if (reason == QueueReason::kNew) {
    virtual_time(thread) = queue.now.load();
  } else if (cpu.id != thread.last_cpu) {
    change_queue(thread, *all_cpus()[thread.last_cpu.value]->run_queue, queue);
  }
  bool at_once = reason == QueueReason::kNew || reason == QueueReason::kWoken;
  bool waited = reason == QueueReason::kWoken || reason == QueueReason::kWokenForLater;
  {
    OffGuard guard(queue.lock);
    queue.insert(thread, waited);
  }
  // Who halts has to be told. Another processor that runs somebody looks at its next tick.
  if (at_once || (&cpu != &this_cpu() && is_idle(cpu))) request_reschedule(cpu.id);
}

}  // namespace

unsigned load_of(const Cpu& cpu) { return cpu.run_queue->count.load() + !is_idle(cpu); }

void change_queue(Thread& thread, const RunQueue& from, const RunQueue& to) {
  uint64_t past = from.now.load();
  uint64_t ahead = virtual_time(thread) > past ? virtual_time(thread) - past : 0;
  virtual_time(thread) = to.now.load() + ahead;
}

void RunQueue::insert(Thread& thread, bool before_equals) {
  const uint64_t past = now.load(std::memory_order_relaxed);
  const uint64_t time = std::clamp(virtual_time(thread), past, past + kFarthest);
  virtual_time(thread) = time;
  const unsigned place = place_of(time);
  auto& list = ring[place];
  before_equals ? list.push_front(thread) : list.push_back(thread);
  nonempty |= 1ull << place;
  const unsigned before = count.load(std::memory_order_relaxed);
  if (before == 0) waiting_since = read_tsc();
  count.store(before + 1, std::memory_order_release);
}

unsigned RunQueue::first_place() const {
  const unsigned start = place_of(now.load(std::memory_order_relaxed));
  return (start + unsigned(__builtin_ctzll(std::rotr(nonempty, int(start))))) % kBuckets;
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
  charge(thread, uncharged(thread, thread.runtime_tsc));
  const Cpu& here = this_cpu();
  bool stays = reason == QueueReason::kGaveWay && thread.allowed_cpus.load().has(here.id);
  if (!stays) return add_where_it_suits(thread, reason);
  OffGuard guard(here.run_queue->lock);
  here.run_queue->insert(thread, false);
  // END SOLUTION
}

// LAB D2: run_queue_pick() (handouts/d-smp.md#d2). Check: make grade LAB=d K=D2
Thread* run_queue_pick(Thread* running) {
  // BEGIN SOLUTION D2
  // STARTER: return standin::run_queue_pick(running);
  RunQueue& queue = *this_cpu().run_queue;
  if (queue.count.load() == 0) return nullptr;
  OffGuard guard(queue.lock);
  if (queue.nonempty == 0) return nullptr;
  const unsigned place = queue.first_place();
  Thread& next = *queue.ring[place].begin();
  if (running != nullptr && comes_before(*running, next, queue.waiting_since)) return nullptr;
  queue.remove(next, place);
  queue.now.store(std::max(queue.now.load(std::memory_order_relaxed), virtual_time(next)),
                  std::memory_order_relaxed);
  return &next;
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
