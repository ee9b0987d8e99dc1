// The smallest honest things for labs that aren't there. Always linked; lab files may call them.
#pragma once

#include "sched/run_queue.h"
#include "sync/spinlock.h"

namespace cairn::standin {

// Lab D: one processor (standins/d.cc).
void spinlock_acquire(Spinlock& lock);
void spinlock_release(Spinlock& lock);
Result<void> run_queue_start(Cpu& cpu);
void run_queue_add(Thread& thread, QueueReason reason);
Thread* run_queue_pick();
bool run_queue_has_waiting();
Thread* run_queue_steal();
void run_queue_balance();
void send_ipi(CpuId cpu, uint8_t vector);
void rcu_read_lock();
void rcu_read_unlock();
void synchronize_rcu();
void flush_tlb_everywhere(const PageTable& table, VirtRange range);

}  // namespace cairn::standin
