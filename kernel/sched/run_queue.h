// LAB D, items D2 and D3: the contract of run queues, one a processor, and of balancing between them.
// Until lab D is in there is one processor, and the stand-in (standins/d.cc) keeps one queue in order of
// arrival.
//
// What a queue looks like is yours: define `struct RunQueue`. `Cpu::run_queue` points to a processor's, and
// each thread has a link (`run_link`) and two words (`queue_words`) for it.
//
// What the scheduler (sched/scheduler.cc) keeps to:
//   - A thread is added only while it is ready and its registers are saved, and to one queue at a time.
//     From run_queue_add() on it is yours, and any processor may pick it; from run_queue_pick() or
//     run_queue_steal() on it is the scheduler's, and no wake-up touches a queue meanwhile.
//   - The idle thread and the running thread are in no queue.
//   - A thread's share of its processor follows from its niceness (Thread::nice): one that is nicer by 1 gets a share
//     that is smaller by a fifth; shares of those that want to run all the time hold over a few seconds.
//   - Interrupts are off during every call. Calls come at the same time from several processors, from
//     interrupt handlers too, and with spinlocks held of rank above kRunQueue.
// What you keep to:
//   - A queue has a spinlock of rank kRunQueue, and these functions wait for nothing else: no thread's state,
//     no other processor. At most one of the locks is held at a time: a thread that moves is in no queue on
//     its way.
//   - A thread runs only on processors in its `allowed_cpus`. That may change at any time, and holds from the
//     next add or move on. On its `last_cpu` its memory is still in the caches.
//   - Whoever puts a thread into a processor's queue asks that processor to look, after the queue's lock:
//     request_reschedule(cpu) (sched/scheduler.h), which for another processor sends an interrupt (LAB D4).
//     An idle processor halts until then, so for an idle processor it may not be left out.
#pragma once

#include "arch/percpu.h"
#include "sched/thread.h"

namespace cairn {

// ---- LAB D2 ----------------------------------------------------------------------------------

/// Makes the queue of a processor that will soon schedule. Once a processor; on it, or before it starts. ENOMEM.
Result<void> run_queue_start(Cpu& cpu);

enum class QueueReason : uint8_t {
  kNew,    // its first time: any allowed processor will do
  kWoken,  // it waited, and should run soon: where it last ran, or where a processor is idle
  kWokenForLater,  // it waited, and who woke it goes on for now, since he is likely to wait soon himself
  kGaveWay         // it ran here until now and could go on; no reason to come back to it at once
};

/// Chooses a processor, puts the thread into its queue, and asks it to reschedule if the thread should run
/// there before what runs now. O(log n) in threads at most.
void run_queue_add(Thread& thread, QueueReason reason);

/// Takes the next thread for this processor out of its queue; null if it is empty, or if `running`, which runs here
/// and could go on, should do so before all that wait. Null `running`: nobody can, or he gives way to anybody. O(log n)
/// at most.
Thread* run_queue_pick(Thread* running);

/// Whether this processor's queue has a thread. What was added before the call is seen, or its adder's
/// request_reschedule() is still to come: idle_loop() halts after a false.
bool run_queue_has_waiting();

// ---- LAB D3 ----------------------------------------------------------------------------------

/// This processor has nothing to run: takes a thread that may run here out of another's queue. Null if there
/// is none, or none worth moving.
Thread* run_queue_steal();

/// Called every kBalanceNs on a processor that isn't idle, in its timer interrupt: moves threads to where
/// there is less to do. A thread that runs isn't moved.
void run_queue_balance();

inline constexpr uint64_t kBalanceNs = 100'000'000;

}  // namespace cairn
