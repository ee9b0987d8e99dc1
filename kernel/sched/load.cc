#include "sched/load.h"

#include <algorithm>
#include <atomic>

#include "sched/scheduler.h"
#include "time/clock.h"

namespace cairn {

namespace {

// What is left of an average after a period, e^(-5 s / 1, 5, 15 min), in parts of kLoadUnit.
constexpr uint64_t kKept[] = {1884, 2014, 2037};
constexpr uint64_t kForgotten = 2000;  // periods after which nothing is left of any average

constinit std::atomic<uint64_t> next_sample_ns{kLoadPeriodNs};
constinit std::atomic<uint64_t> averages[3] = {};

void age(std::atomic<uint64_t>& average, uint64_t kept, uint64_t active) {
  uint64_t old = average.load(), target = active * kLoadUnit;
  uint64_t sum = old * kept + target * (kLoadUnit - kept);
  if (target >= old) sum += kLoadUnit - 1;  // towards the target, or it would never be reached
  average = sum / kLoadUnit;
}

}  // namespace

void sample_load(uint64_t now_ns) {
  uint64_t due_ns = next_sample_ns.load(std::memory_order_relaxed);
  if (now_ns < due_ns) return;
  uint64_t missed = (now_ns - due_ns) / kLoadPeriodNs;
  if (!next_sample_ns.compare_exchange_strong(due_ns, due_ns + (missed + 1) * kLoadPeriodNs))
    return;
  uint64_t active = runnable_count();
  for (unsigned i = 0; i < 3; i++) {
    for (uint64_t n = 0; n < std::min(missed, kForgotten); n++) age(averages[i], kKept[i], 0);
    age(averages[i], kKept[i], active);
  }
}

LoadAverages load_averages() {
  return {averages[0].load(), averages[1].load(), averages[2].load()};
}

uint64_t idle_ns(const Cpu& cpu) {
  const Thread& idle = *cpu.idle_thread;
  uint64_t tsc = idle.runtime_tsc;
  if (cpu.current == &idle) tsc += read_tsc() - idle.switched_in_tsc;
  return ns_of_tsc(tsc);
}

}  // namespace cairn
