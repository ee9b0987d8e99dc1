// Switching between threads.
#pragma once

#include "arch/percpu.h"
#include "sched/thread.h"

namespace cairn {

/// A tick comes this often while a thread runs, and ends its slice if another waits.
inline constexpr uint64_t kSliceNs = 10'000'000;
/// Upward need: what else a tick means to the thread that it found running; implemented in process. In the timer
/// interrupt.
void account_tick(Thread& running, bool in_user_mode);

/// Makes the code that runs now this processor's first thread, called `name`, which ends with exit_thread()
/// like any other; makes the processor's idle thread and its tick, and starts preemption. `stack_top` is where
/// its stack begins if that came from allocate_kernel_stack(), else 0. Once a processor, when its timers run,
/// interrupts off. ENOMEM.
Result<void> start_scheduler(const char* name, VirtAddr stack_top);

/// Makes a new thread run some time. Any context.
void make_ready(Thread& thread);
enum class Wake : uint8_t {
  kNow,  // it should run soon
  kLater  // the waker goes on for now: what he woke it for gets more, and he is likely to wait soon himself
};
/// Wakes a blocked thread; nothing if it isn't blocked. Waits for nobody: spinlocks of rank above kRunQueue may be
/// held. Any context in which the thread can't end meanwhile; with kLater, a thread's.
void wake_thread(Thread& thread, Wake when = Wake::kNow);
/// Ends a wait of `thread` that can be interrupted. As wake_thread().
void interrupt_thread(Thread& thread);

/// Makes a processor look at its run queue soon: this one when preemption is next enabled or an interrupt ends,
/// another when it has taken the interrupt that this sends (LAB D4). Interrupts off; any context.
void request_reschedule(CpuId cpu);

/// Thread::known_calls was changed: its processor, if it is on one, goes by it from now on, or, if that is another one,
/// soon. Any context in which the thread can't end meanwhile.
void note_known_calls_changed(Thread& thread);

/// From now on the thread runs only on `cpus`, of which one at least runs; if it is on another, it leaves that one soon.
/// Any context in which the thread can't end meanwhile.
void set_allowed_cpus(Thread& thread, CpuSet cpus);

/// Switches to another thread if one should run. A caller that is still running, or was woken meanwhile, may go
/// on or is queued; one that made itself blocked or dead goes. Interrupts off; comes back with them off.
void schedule();
/// Gives way to other ready threads.
void yield();

/// Gives way if a reschedule is due and preemption is enabled: interrupt exits call it. Interrupts
/// off.
void preempt_if_due();

/// Whether a processor, without one this, runs its idle thread; a snapshot.
bool is_idle(const Cpu& cpu);
bool is_idle();
/// Threads that run now or wait in a run queue, on all processors; a snapshot.
uint64_t runnable_count();

}  // namespace cairn
