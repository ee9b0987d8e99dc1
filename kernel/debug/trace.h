// The trace ring: the last events, cheap enough to leave on. A panic prints the newest; the monitor
// prints them with `log trace`.
#pragma once

#include <cstdint>

#include "lib/format.h"

namespace cairn {

enum class TraceEvent : uint16_t {
  kNone,
  kSwitch,     // to thread, from thread (addresses)
  kPageFault,  // address, error code
  kInterrupt,  // vector, interrupted rip
  kFork,       // parent, child
  kExit,       // pid, status
};

/// Records an event with two values. Interrupts on or off, no locks; about ten instructions.
void trace(TraceEvent event, uint64_t first, uint64_t second);

/// Prints the newest `count` events, oldest first; without those of `scheduling` only what processes did.
void print_trace(Writer& out, unsigned count, bool scheduling = true);

}  // namespace cairn
