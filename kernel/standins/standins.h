// The smallest honest things for labs that aren't there. Always linked; lab files may call them.
#pragma once

#include "acpi/processors.h"
#include "interrupts/ipi.h"
#include "sched/run_queue.h"
#include "sync/spinlock.h"

namespace cairn::standin {

// Lab D: one processor (standins/d.cc).
void spinlock_acquire(Spinlock& lock);
void spinlock_release(Spinlock& lock);
Result<void> run_queue_start(Cpu& cpu);
void run_queue_add(Thread& thread, QueueReason reason);
Thread* run_queue_pick(Thread* running);
bool run_queue_has_waiting();
Thread* run_queue_steal();
void run_queue_balance();
Result<ProcessorList> processors_of_madt(std::span<const uint8_t> table);
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t> table);
Result<void> start_processor(uint32_t apic_id, uint8_t page);
void call_on_cpus(CpuSet cpus, CpuCall function, void* argument);
void start_ipis();
void send_ipi(CpuId cpu, uint8_t vector);
void rcu_read_lock();
void rcu_read_unlock();
void synchronize_rcu();
void flush_tlb_everywhere(const PageTable& table, VirtRange range);

}  // namespace cairn::standin
