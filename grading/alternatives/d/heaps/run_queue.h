// An alternative to labs/d-smp/run_queue.h: the threads that wait form a skew heap.
// Source: Sleator and Tarjan, "Self-Adjusting Heaps" (1986).
#pragma once

#include <utility>

#include "sched/run_queue.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

/// What a thread has had: TSC ticks by its weight.
inline uint64_t& had(Thread& thread) { return thread.queue_words[0]; }
/// Thread::runtime_tsc, as far as it was counted there.
inline uint64_t& counted(Thread& thread) { return thread.queue_words[1]; }

struct RunQueue {
  Spinlock guard{"heap of threads", LockRank::kRunQueue};
  Thread* top GUARDED_BY(guard) = nullptr;  // who has had least
  std::atomic<unsigned> size{0};
  std::atomic<uint64_t> floor{0};       // nobody who waits has had less
  std::atomic<unsigned> busy_looks{0};  // of run_queue_balance(), one after the other

  void put(Thread& thread) REQUIRES(guard);
  Thread* pop() REQUIRES(guard) { return take_out(top); }
  /// Takes a thread out that the processor may run, of those near the top. Null if none is.
  Thread* pop_for(CpuId cpu) REQUIRES(guard);

 private:
  // The two pointers of a thread's link are its children.
  static Thread*& left(Thread& thread) { return reinterpret_cast<Thread*&>(thread.run_link.next); }
  static Thread*& right(Thread& thread) {
    return reinterpret_cast<Thread*&>(thread.run_link.previous);
  }
  static Thread* merged(Thread* one, Thread* other);
  Thread* take_out(Thread*& place);
};

/// Waiting and running.
inline unsigned threads_of(const Cpu& cpu) {
  return cpu.run_queue->size.load() + (is_idle(cpu) ? 0 : 1);
}

}  // namespace cairn
