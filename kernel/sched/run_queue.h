// LAB D, item D2: the contract of run queues. Until lab D is in, the stand-in (standins/d.cc) keeps
// one queue in order of arrival.
#pragma once

#include "sched/thread.h"

namespace cairn {

// ---- LAB D2 ----------------------------------------------------------------------------------
/// Puts a ready thread in a queue and asks for a reschedule where it should run. O(log n) at most.
/// Interrupts off. Takes no lock of rank above kRunQueue.
void run_queue_add(Thread& thread);

/// Takes the next thread for this processor out of its queue; null if there is none. Interrupts off.
Thread* run_queue_pick();

/// Whether this processor's queue has a thread waiting. A hint.
bool run_queue_has_waiting();

}  // namespace cairn
