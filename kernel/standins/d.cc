// The stand-in for lab D: one processor, so locks have nobody to wait for, one queue of threads, and
// translations to flush here only. The contract functions below are weak: lab D's replace them.
#include <atomic>

#include "memory/tlb.h"
#include "metrics/counter.h"
#include "sched/rcu.h"
#include "sched/run_queue.h"
#include "standins/standins.h"
#include "sync/spinlock.h"

namespace cairn {

namespace standin {

namespace {
constinit List<Thread, &Thread::run_link> ready;
}

// Whoever holds the lock has preemption disabled and, if handlers take it, interrupts off: on one
// processor nobody can come in between. The compiler must not move memory accesses across.
void spinlock_acquire(Spinlock&) { std::atomic_signal_fence(std::memory_order_acquire); }
void spinlock_release(Spinlock&) { std::atomic_signal_fence(std::memory_order_release); }

void run_queue_add(Thread& thread) {
  ready.push_back(thread);
  this_cpu().need_reschedule = true;
}
Thread* run_queue_pick() { return ready.pop_front(); }
bool run_queue_has_waiting() { return !ready.empty(); }

// A reader can't be preempted, so whoever runs synchronize_rcu() runs while there is none.
void rcu_read_lock() { disable_preemption(); }
void rcu_read_unlock() { enable_preemption(); }
void synchronize_rcu() { ASSERT(this_cpu().preempt_count == 0); }

void flush_tlb_everywhere(const PageTable& table, VirtRange range) {
  if (!table.is_active()) return;
  if (range.size() == kPageSize) {
    flush_tlb_single(range.start);
  } else {
    flush_tlb_range(range);
  }
}

}  // namespace standin

[[gnu::weak]] void spinlock_acquire(Spinlock& lock) { standin::spinlock_acquire(lock); }
[[gnu::weak]] void spinlock_release(Spinlock& lock) { standin::spinlock_release(lock); }
[[gnu::weak]] void run_queue_add(Thread& thread) { standin::run_queue_add(thread); }
[[gnu::weak]] Thread* run_queue_pick() { return standin::run_queue_pick(); }
[[gnu::weak]] bool run_queue_has_waiting() { return standin::run_queue_has_waiting(); }
[[gnu::weak]] void rcu_read_lock() { standin::rcu_read_lock(); }
[[gnu::weak]] void rcu_read_unlock() { standin::rcu_read_unlock(); }
[[gnu::weak]] void synchronize_rcu() { standin::synchronize_rcu(); }
[[gnu::weak]] void flush_tlb_everywhere(const PageTable& table, VirtRange range) {
  standin::flush_tlb_everywhere(table, range);
}

}  // namespace cairn
