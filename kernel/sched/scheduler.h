// Switching between threads.
#pragma once

#include "sched/thread.h"

namespace cairn {

/// Makes the code that runs now the boot processor's first thread, creates its idle thread and
/// starts preemption. Once, after timers run.
Result<void> start_scheduler();

/// Makes a new thread run some time. Any context.
void make_ready(Thread& thread);
/// Wakes a blocked thread; nothing if it isn't blocked. Any context.
void wake_thread(Thread& thread);
/// Ends a wait of `thread` that can be interrupted.
void interrupt_thread(Thread& thread);

/// Switches to another thread if one should run. A caller that is still running goes back to the
/// queue; one that made itself blocked or dead doesn't. Interrupts off; comes back with them off.
void schedule();
/// Gives way to other ready threads.
void yield();

/// Gives way if a reschedule is due and preemption is enabled: interrupt exits call it. Interrupts
/// off.
void preempt_if_due();

/// Whether this processor runs its idle thread.
bool is_idle();

}  // namespace cairn
