// The stand-in for lab D: one processor, so locks have nobody to wait for, one queue of threads, and
// translations to flush here only. The contract functions below are weak: lab D's replace them.
#include <atomic>

#include "acpi/processors.h"
#include "interrupts/ipi.h"
#include "memory/tlb.h"
#include "metrics/counter.h"
#include "sched/processors.h"
#include "sched/rcu.h"
#include "sched/run_queue.h"
#include "sched/scheduler.h"
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

Result<void> run_queue_start(Cpu&) { return {}; }
void run_queue_add(Thread& thread, QueueReason reason) {
  ready.push_back(thread);
  bool at_once = reason == QueueReason::kNew || reason == QueueReason::kWoken;
  if (at_once) request_reschedule(this_cpu().id);
}
Thread* run_queue_pick(Thread*) { return ready.pop_front(); }
bool run_queue_has_waiting() { return !ready.empty(); }
Thread* run_queue_steal() { return nullptr; }
void run_queue_balance() {}

Result<ProcessorList> processors_of_madt(std::span<const uint8_t>) { return ProcessorList(); }
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t>) { return ProcessorList(); }
Result<void> start_processor(uint32_t, uint8_t) { return Errno::kENODEV; }
void send_ipi(CpuId, uint8_t) { panic("there is one processor"); }
void call_on_cpus(CpuSet cpus, CpuCall function, void* argument) {
  disable_preemption();
  if (cpus.has(this_cpu().id)) function(argument);
  enable_preemption();
}
void start_ipis() {}

// A reader can't be preempted, so whoever runs synchronize_rcu() runs while there is none.
void rcu_read_lock() { disable_preemption(); }
void rcu_read_unlock() { enable_preemption(); }
void synchronize_rcu() { ASSERT(this_cpu().preempt_count == 0); }

void flush_tlb_everywhere(const PageTable& table, VirtRange range) {
  disable_preemption();
  flush_tlb_here(table, range);
  enable_preemption();
}

}  // namespace standin

[[gnu::weak]] void spinlock_acquire(Spinlock& lock) { standin::spinlock_acquire(lock); }
[[gnu::weak]] void spinlock_release(Spinlock& lock) { standin::spinlock_release(lock); }
[[gnu::weak]] Result<void> run_queue_start(Cpu& cpu) { return standin::run_queue_start(cpu); }
[[gnu::weak]] void run_queue_add(Thread& thread, QueueReason reason) {
  standin::run_queue_add(thread, reason);
}
[[gnu::weak]] Thread* run_queue_pick(Thread* running) { return standin::run_queue_pick(running); }
[[gnu::weak]] bool run_queue_has_waiting() { return standin::run_queue_has_waiting(); }
[[gnu::weak]] Thread* run_queue_steal() { return standin::run_queue_steal(); }
[[gnu::weak]] void run_queue_balance() { standin::run_queue_balance(); }
[[gnu::weak]] Result<ProcessorList> processors_of_madt(std::span<const uint8_t> table) {
  return standin::processors_of_madt(table);
}
[[gnu::weak]] Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t> table) {
  return standin::processors_of_mp_table(table);
}
[[gnu::weak]] Result<void> start_processor(uint32_t apic_id, uint8_t page) {
  return standin::start_processor(apic_id, page);
}
[[gnu::weak]] void call_on_cpus(CpuSet cpus, CpuCall function, void* argument) {
  standin::call_on_cpus(cpus, function, argument);
}
[[gnu::weak]] void start_ipis() { standin::start_ipis(); }
[[gnu::weak]] void send_ipi(CpuId cpu, uint8_t vector) { standin::send_ipi(cpu, vector); }
[[gnu::weak]] void rcu_read_lock() { standin::rcu_read_lock(); }
[[gnu::weak]] void rcu_read_unlock() { standin::rcu_read_unlock(); }
[[gnu::weak]] void synchronize_rcu() { standin::synchronize_rcu(); }
[[gnu::weak]] void flush_tlb_everywhere(const PageTable& table, VirtRange range) {
  standin::flush_tlb_everywhere(table, range);
}

}  // namespace cairn
