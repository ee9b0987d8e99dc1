// Who handles which interrupt.
#pragma once

#include "arch/trap_frame.h"
#include "lib/result.h"

namespace cairn {

/// Runs with interrupts off, on the stack of whatever was interrupted; must not sleep.
using InterruptHandler = void (*)(void* context);

/// A free device vector for `handler`. ENOSPC when all are taken.
Result<uint8_t> register_interrupt(InterruptHandler handler, void* context);
/// The same for a fixed vector (the timer's).
void register_vector(uint8_t vector, InterruptHandler handler, void* context);

/// Calls the vector's handler; called by the trap dispatch.
void dispatch_interrupt(const TrapFrame& frame);

}  // namespace cairn
