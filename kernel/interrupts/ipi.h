// LAB D, item D4: the contract of interrupts between processors. Until lab D is in there is nobody to send
// one to (standins/d.cc).
// Source: Intel SDM 3A, "Issuing Interprocessor Interrupts".
#pragma once

#include <cstdint>

#include "arch/cpu_set.h"
#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

// ---- LAB D4 (handouts/d-smp.md#d4) -----------------------------------------------------------

/// Interrupts another processor with `vector`, whose handler (interrupts/irq.h) runs there as soon as that
/// processor has interrupts on; ends its HLT. What was written before the call is seen by the handler. Doesn't
/// wait for it. Interrupts off; any spinlocks held.
void send_ipi(CpuId cpu, uint8_t vector);

/// Runs in an interrupt handler on another processor, or with preemption disabled on the caller's own: must not sleep,
/// nor take a lock that is taken with interrupts on.
using CpuCall = void (*)(void* argument);

/// Has function(argument) run once on each of `cpus`, the caller's own included if it is one of them, and returns when
/// all have done it. Those of `cpus` that don't run are left out. What was written before the call is seen by the
/// function, and what it writes is seen after.
/// Any number of processors may call this at the same time, for each other, too. So it waits with interrupts on:
/// interrupts on, no spinlock held; preemption may be disabled, mutexes held. Its own work is bounded by the number of
/// processors; it allocates nothing.
void call_on_cpus(CpuSet cpus, CpuCall function, void* argument);

/// Registers what the functions above need (register_vector(), for kCallVector). Once, at boot, before any other
/// processor starts.
void start_ipis();

}  // namespace cairn
