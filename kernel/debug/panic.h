// panic() itself is declared in lib/assert.h.
#pragma once

#include "arch/trap_frame.h"

namespace cairn {

/// Panics about a trap in the kernel: prints its frame and the backtrace of the interrupted code.
[[noreturn]] void panic_at(const TrapFrame& frame, const char* message);

/// What a processor does in an NMI: stops for ever if another one panics, having printed its registers and backtrace
/// in its turn; else returns.
void stop_if_panicking(const TrapFrame& frame);

/// Upward need: interrupts all other processors by an NMI. None, there are no others.
using PanicStopper = void (*)();
void set_panic_stopper(PanicStopper stopper);

/// Upward need: a line about the running thread for the panic (", thread 'hello', pid 3").
using PanicContext = void (*)(class Writer& out);
void set_panic_context(PanicContext context);

}  // namespace cairn
