// An alternative to labs/d-smp/run_queue.cc: who has had least is at the top of a heap.
#include "run_queue.h"

#include <algorithm>

#include "arch/cpu.h"
#include "memory/heap.h"

namespace cairn {

namespace {

constexpr uint64_t kMostAhead = 1ull << 30;  // ticks above the floor

/// Ticks of a thread that is so nice, in ticks of one that isn't: a quarter more a step.
uint64_t weighed(uint64_t ticks, int niceness) {
  uint64_t thousandths = 1000;
  for (int i = 0; i < niceness; i++) thousandths = thousandths * 5 / 4;
  for (int i = 0; i > niceness; i--) thousandths = thousandths * 4 / 5;
  return niceness == 0 ? ticks : ticks * std::max<uint64_t>(thousandths, 1) / 1000;
}

void count(Thread& thread, uint64_t runtime) {
  had(thread) += weighed(runtime - std::exchange(counted(thread), runtime), thread.nice.load());
}

Cpu* least_busy(CpuSet allowed) {
  Cpu* found = nullptr;
  for (Cpu* each : all_cpus()) {
    if (allowed.has(each->id) && (!found || threads_of(*each) < threads_of(*found))) found = each;
  }
  return found;
}

}  // namespace

Thread* RunQueue::merged(Thread* one, Thread* other) {
  Thread* result = nullptr;
  Thread** open = &result;
  while (one != nullptr && other != nullptr) {
    if (had(*other) < had(*one)) std::swap(one, other);
    // The lesser goes on top; what is merged further becomes its left side, and its left its right.
    Thread* rest = right(*one);
    right(*one) = left(*one);
    *open = one;
    open = &left(*one);
    one = rest;
  }
  *open = one != nullptr ? one : other;
  return result;
}

void RunQueue::put(Thread& thread) {
  const uint64_t least = floor.load();
  had(thread) = std::min(std::max(had(thread), least), least + kMostAhead);
  left(thread) = right(thread) = nullptr;
  top = merged(top, &thread);
  size++;
}

Thread* RunQueue::take_out(Thread*& place) {
  Thread* thread = place;
  if (thread == nullptr) return nullptr;
  place = merged(left(*thread), right(*thread));
  left(*thread) = right(*thread) = nullptr;
  size--;
  return thread;
}

Thread* RunQueue::pop_for(CpuId cpu) {
  constexpr int kDeepest = 20;
  Thread** place = &top;
  for (int depth = 0; depth < kDeepest && *place != nullptr; depth++) {
    if ((*place)->allowed_cpus.load().has(cpu)) return take_out(*place);
    Thread& passed = **place;
    place = left(passed) != nullptr ? &left(passed) : &right(passed);
  }
  return nullptr;
}

Result<void> run_queue_start(Cpu& cpu) {
  auto* made = new_object<RunQueue>();
  if (made == nullptr) return Errno::kENOMEM;
  cpu.run_queue = made;
  return {};
}

void run_queue_add(Thread& thread, QueueReason reason) {
  const CpuSet allowed = thread.allowed_cpus.load();
  Cpu* before = all_cpus()[thread.last_cpu.value];
  Cpu* chosen = reason == QueueReason::kNew ? nullptr : before;
  const bool stays = chosen != nullptr && allowed.has(chosen->id) &&
                     (reason == QueueReason::kGaveWay || threads_of(*chosen) == 0);
  if (!stays) {
    Cpu* other = least_busy(allowed);
    if (other == nullptr) other = &this_cpu();
    const bool wanted = chosen == nullptr || !allowed.has(chosen->id) || threads_of(*other) == 0;
    if (wanted) chosen = other;
  }
  RunQueue& queue = *chosen->run_queue;
  if (reason == QueueReason::kNew) {
    had(thread) = queue.floor.load();
    counted(thread) = thread.runtime_tsc;
  } else {
    count(thread, thread.runtime_tsc);
    if (chosen != before) had(thread) += queue.floor.load() - before->run_queue->floor.load();
  }
  {
    IrqGuard hold(queue.guard);
    queue.put(thread);
  }
  const bool soon = reason == QueueReason::kNew || reason == QueueReason::kWoken;
  const bool asleep = chosen != &this_cpu() && is_idle(*chosen);
  if (soon || asleep) request_reschedule(chosen->id);
}

Thread* run_queue_pick(Thread* running) {
  RunQueue& queue = *this_cpu().run_queue;
  IrqGuard hold(queue.guard);
  if (queue.top == nullptr) return nullptr;
  if (running != nullptr) {
    count(*running, running->runtime_tsc + read_tsc() - running->switched_in_tsc);
    had(*running) = std::min(had(*running), queue.floor.load() + kMostAhead);
    if (had(*running) < had(*queue.top)) return nullptr;
  }
  Thread* next = queue.pop();
  if (had(*next) > queue.floor.load()) queue.floor = had(*next);
  return next;
}

bool run_queue_has_waiting() { return this_cpu().run_queue->size.load() > 0; }

}  // namespace cairn
