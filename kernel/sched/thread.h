// Threads: what the scheduler switches between.
#pragma once

#include <atomic>

#include "arch/cpu.h"
#include "arch/cpu_set.h"
#include "arch/percpu.h"
#include "lib/list.h"
#include "lib/result.h"
#include "memory/page_table.h"
#include "sched/thread_state.h"

namespace cairn {

/// `process` derives a type of its own for the threads of processes.
struct Thread {
  virtual ~Thread() = default;

  // Set at creation.
  const char* name = "";
  VirtAddr stack_top{};
  struct Process* process = nullptr;  // null: a kernel thread

  RunState state{ThreadState::kReady};

  // The run queue's (sched/run_queue.h): it may be in one while it is ready and on no processor.
  ListLink run_link;
  uint64_t queue_words[2] = {};  // lab D's: what they mean is the implementation's business
  std::atomic<CpuSet> allowed_cpus{CpuSet::all()};
  std::atomic<int> nice{0};  // -20 … 19: what it lets others have
  CpuId last_cpu{};          // where it runs or ran; changes as it is switched to

  // Touched by the processor that it runs on, and that switches to or from it.
  uint64_t saved_rsp = 0;      // while not running
  uint32_t preempt_count = 0;  // while not running; while it runs, Cpu::preempt_count
  uint64_t runtime_tsc = 0;    // TSC ticks on a processor
  uint64_t switched_in_tsc = 0;
  uint32_t user_ticks = 0, kernel_ticks = 0;      // by where they found it
  std::atomic<const char*> waiting_for{nullptr};  // while blocked (WaitQueue)

  uint64_t held_mutex_ranks = 0;  // debug builds: bit n, a mutex of rank n (sched/mutex_ranks.h)

  // Waiting may be cut short: set by whoever interrupts, cleared by the thread itself.
  std::atomic<bool> interrupted{false};
  std::atomic<bool> hears_signals{true};  // while blocked: whether that ends its wait

  uint64_t pages_awaited = 0;  // that its page faults had read from a disk; its own

  // Its system calls of numbers below this take the common way: all that there are, or none (process/call_trace.h). Its
  // processor has a copy while it runs; who changes it says so by note_known_calls_changed().
  std::atomic<uint64_t> known_calls{kAllCalls};

  // A lab's item that it reached and that isn't written yet (debug/unfinished.h); its own, null mostly.
  std::atomic<const char*> unfinished_item{nullptr};

  // User state, switched only for threads of processes.
  const PageTable* page_table = nullptr;  // null: whichever is loaded (it needs no user half)
  uint64_t fs_base = 0;
  FpuState fpu;
};

/// Gives a fresh thread a stack on which it will run function(argument), after make_ready(). The function must
/// not return: it ends with exit_thread(). ENOMEM.
Result<void> prepare_thread(Thread& thread, const char* name, void (*function)(void*),
                            void* argument);
/// A kernel thread, so prepared. ENOMEM.
Result<Thread*> create_thread(const char* name, void (*function)(void*), void* argument);
/// Frees a thread that never ran, or is dead and on no processor. Any context.
void destroy_thread(Thread* thread);
/// Ends the calling thread. Its memory goes once another thread runs on its processor.
[[noreturn]] void exit_thread();

}  // namespace cairn
