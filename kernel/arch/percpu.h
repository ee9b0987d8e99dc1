// What belongs to one processor. GS points to it while the kernel runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "arch/cpu_set.h"
#include "arch/descriptor_tables.h"
#include "lib/types.h"

namespace cairn {

class PageTable;
struct Thread;
struct RunQueue;
struct TimerQueue;
class Timer;

inline constexpr unsigned kMaxCounters = 160;
/// Numbers of system calls are below this.
inline constexpr uint64_t kAllCalls = 512;
inline constexpr unsigned kMaxHeldLocks = 16;
inline constexpr unsigned kFrameCacheSize = 64;

/// Free frames at hand for this processor (memory/frame_allocator.cc).
struct FrameCache {
  uint32_t count = 0;
  uint32_t frames[kFrameCacheSize] = {};
};

struct alignas(64) Cpu {
  // Offsets known to trap.S.
  Cpu* self = nullptr;
  uint64_t user_rsp = 0;    // parked by syscall_entry for a few instructions
  uint64_t kernel_rsp = 0;  // top of the running thread's kernel stack

  Thread* current = nullptr;
  uint64_t known_calls = 0;  // Thread::known_calls of the one that runs (sched/thread.h)
  // The kernel may be preempted when this is 0. Spinlock guards and PreemptGuards raise it.
  uint32_t preempt_count = 0;
  bool need_reschedule = false;
  bool interrupted_user = false;  // the interrupt that is handled came in user mode
  CpuId id{};
  uint32_t apic_id = 0;           // by which interrupts reach it (interrupts/apic.h)
  uint64_t user_fault_error = 0;  // error code of the last failed access to user memory

  const PageTable* loaded_table = nullptr;  // in CR3; null: the kernel's own (memory/page_table.cc)
  uint64_t kernel_stack_generation =
      0;  // of whose translations it may hold (memory/kernel_stack.h)

  // The scheduler's (sched/scheduler.cc); touched by this processor only, interrupts off.
  Thread* idle_thread = nullptr;      // runs when nobody else wants to
  Thread* previous_thread = nullptr;  // switched away from; its registers are being saved
  Timer* tick = nullptr;              // ends time slices
  unsigned ticks_since_balance = 0;
  // How often it was in schedule(), where it is in no RCU reader; written by itself, read by all (sched/rcu.h).
  std::atomic<uint64_t> schedule_count{0};

  RunQueue* run_queue = nullptr;  // sched/run_queue.h
  TimerQueue* timers = nullptr;   // time/timer.cc

  FrameCache frame_cache;  // touched with preemption disabled

  // What this processor counted (metrics/counter.h), summed over all processors when read.
  uint64_t counters[kMaxCounters] = {};

  // System calls by number, all of them and those that failed; summed as the counters are.
  uint64_t calls[kAllCalls] = {};
  uint64_t failed_calls[kAllCalls] = {};

  // Locks held, for rank checks and panics (sync/lock_order.cc, debug builds).
  const void* held_locks[kMaxHeldLocks] = {};
  uint32_t held_lock_count = 0;

  DescriptorTables tables = {};
};
static_assert(offsetof(Cpu, user_rsp) == 8 && offsetof(Cpu, kernel_rsp) == 16);

/// The processor that runs this. Stable only while preemption is disabled or interrupts are off.
inline Cpu& this_cpu() {
  Cpu* cpu;
  asm volatile("movq %%gs:0, %0" : "=r"(cpu));
  return *cpu;
}
/// The thread that runs this. Always stable: a thread finds itself wherever it runs.
inline Thread* current_thread() {
  Thread* thread;
  asm volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(offsetof(Cpu, current)));
  return thread;
}

/// Whether the running thread takes the common way for a system call of this number. In one instruction, so it can't be
/// another thread's.
inline bool is_known_call(uint64_t number) {
  bool below;
  asm volatile("cmpq %%gs:%c2, %1" : "=@ccb"(below) : "r"(number), "i"(offsetof(Cpu, known_calls)));
  return below;
}

/// The boot processor's area. Lab D adds the others, in memory of its own.
extern Cpu boot_cpu;

/// The processors that run, the boot processor first: the one with CpuId n is at place n. It only grows. Any
/// context.
std::span<Cpu* const> all_cpus();
/// Adds a processor, whose id is the next: all_cpus().size(). It is ready to run threads, and what it counted is counted
/// from now on. One call at a time.
void add_cpu(Cpu& cpu);

/// Adds to what this processor counted for `counter`, one of those in [counters_start, counters_end), each 8 bytes
/// long like its place in `counters`. In one instruction, so no interrupt can come in between; the linker
/// takes counters_start from the address (boot/kernel.ld).
inline void count_on_this_cpu(const void* counter, uint64_t by) {
  asm volatile("addq %1, %%gs:%c2+minus_counters_start(%0)"
               :
               : "r"(counter), "er"(by), "i"(offsetof(Cpu, counters))
               : "memory", "cc");
}

/// Counts a system call of a number below kAllCalls, in one instruction, as above.
inline void count_call(uint64_t number) {
  asm volatile("incq %%gs:%c1(,%0,8)" : : "r"(number), "i"(offsetof(Cpu, calls)) : "memory", "cc");
}
inline void count_failed_call(uint64_t number) {
  asm volatile("incq %%gs:%c1(,%0,8)"
               :
               : "r"(number), "i"(offsetof(Cpu, failed_calls))
               : "memory", "cc");
}

/// Raises and lowers this processor's preemption count. sync/spinlock.h has the functions to call.
inline void raise_preempt_count() {
  asm volatile("incl %%gs:%c0" : : "i"(offsetof(Cpu, preempt_count)) : "memory", "cc");
}
inline void lower_preempt_count() {
  asm volatile("decl %%gs:%c0" : : "i"(offsetof(Cpu, preempt_count)) : "memory", "cc");
}

/// Calls `use(Cpu&)` with preemption disabled, so that it stays on that processor.
template <class Use>
auto with_this_cpu(Use use) {
  struct Pin {
    Pin() { raise_preempt_count(); }
    ~Pin() { lower_preempt_count(); }
  } pin;
  return use(this_cpu());
}

}  // namespace cairn
