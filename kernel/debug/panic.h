// panic() itself is declared in lib/assert.h.
#pragma once

#include "arch/trap_frame.h"

namespace cairn {

/// Panics about a trap in the kernel: prints its frame and the backtrace of the interrupted code.
[[noreturn]] void panic_at(const TrapFrame& frame, const char* message);

/// Upward need: a line about the running thread for the panic (", thread 'hello', pid 3").
using PanicContext = void (*)(class Writer& out);
void set_panic_context(PanicContext context);

}  // namespace cairn
