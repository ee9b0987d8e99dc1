// LAB D5: read-copy-update. Contract: kernel/sched/rcu.h.
// handouts/d-smp.md#d5 explains grace periods; check with: make grade LAB=d K=D5
#include "sched/rcu.h"

#include "arch/cpu.h"
#include "sched/scheduler.h"
#include "sched/wait_queue.h"
#include "standins/standins.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace cairn {

// BEGIN SOLUTION D5
// STARTER:
namespace {
constexpr unsigned kLooks =
    100;  // at a processor that is to come through schedule(), before we sleep
constexpr uint64_t kLookNs = 50'000;  // between looks from then on
}  // namespace
// END SOLUTION

// A reader is a stretch of code that isn't preempted. So a processor that comes through schedule() is in none, and all
// that it was in are over.

// LAB D5: rcu_read_lock() (handouts/d-smp.md#d5). Check: make grade LAB=d K=D5
void rcu_read_lock() {
  // BEGIN SOLUTION D5
  // STARTER: standin::rcu_read_lock();
  disable_preemption();
  // END SOLUTION
}

// LAB D5: rcu_read_unlock() (handouts/d-smp.md#d5). Check: make grade LAB=d K=D5
void rcu_read_unlock() {
  // BEGIN SOLUTION D5
  // STARTER: standin::rcu_read_unlock();
  enable_preemption();
  // END SOLUTION
}

// LAB D5: synchronize_rcu() (handouts/d-smp.md#d5). Check: make grade LAB=d K=D5
void synchronize_rcu() {
  // BEGIN SOLUTION D5
  // STARTER: standin::synchronize_rcu();
  // What was unlinked before is seen by every reader that begins after its processor counted up from here.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::span<Cpu* const> cpus = all_cpus();
  uint64_t counts[kMaxCpus];
  CpuSet waits_for{};
  for (const Cpu* cpu : cpus) {
    InterruptsOff off;
    if (cpu->id == this_cpu().id) continue;  // it runs us, and no reader
    counts[cpu->id.value] = cpu->schedule_count.load();
    waits_for = waits_for.with(cpu->id);
    request_reschedule(cpu->id);
  }
  for (const Cpu* cpu : cpus) {
    auto has_passed = [&] { return cpu->schedule_count.load() != counts[cpu->id.value]; };
    if (!waits_for.has(cpu->id)) continue;
    for (unsigned looks = 0; looks < kLooks && !has_passed(); looks++) relax_cpu();
    while (!has_passed()) (void)sleep_until(monotonic_ns() + kLookNs);
  }
  // END SOLUTION
}

}  // namespace cairn
