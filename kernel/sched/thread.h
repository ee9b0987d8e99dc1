// Threads: what the scheduler switches between.
#pragma once

#include <atomic>

#include "arch/cpu.h"
#include "lib/list.h"
#include "lib/result.h"
#include "memory/page_table.h"

namespace cairn {

enum class ThreadState : uint8_t {
  kReady,    // in a run queue
  kRunning,  // on a processor
  kBlocked,  // in a wait queue, or about to be
  kDead,     // freed by the next thread that runs
};

struct Thread {
  // Set at creation.
  const char* name = "";
  VirtAddr stack_top{};
  struct Process* process = nullptr;  // null: a kernel thread

  // Scheduling. `state` changes by its owner and, from blocked to ready, by whoever wakes it.
  std::atomic<ThreadState> state{ThreadState::kReady};
  std::atomic<bool> on_cpu{false};  // its registers aren't saved yet
  ListLink run_link;                // in the run queue
  uint64_t saved_rsp = 0;           // while not running
  uint32_t preempt_count = 0;       // while not running; while it runs, Cpu::preempt_count
  uint64_t runtime_tsc = 0;         // TSC ticks on a processor
  uint64_t switched_in_tsc = 0;

  std::atomic<const char*> waiting_for{nullptr};  // while blocked (WaitQueue)

  uint64_t held_mutex_ranks = 0;  // debug builds: bit n, a mutex of rank n (sched/mutex.cc)

  // Waiting may be cut short: set by whoever interrupts, cleared by the thread itself.
  std::atomic<bool> interrupted{false};

  // User state, switched only for threads of processes.
  const PageTable* page_table = nullptr;  // null: whichever is loaded (it needs no user half)
  uint64_t fs_base = 0;
  FpuState fpu;
};

/// A new kernel thread that runs function(argument); ready to run after make_ready(). ENOMEM.
/// The function must not return: it ends with exit_thread().
Result<Thread*> create_thread(const char* name, void (*function)(void*), void* argument);
/// Frees a thread that never ran.
void destroy_thread(Thread* thread);
/// Ends the calling thread. Its memory goes once another thread runs.
[[noreturn]] void exit_thread();

}  // namespace cairn
