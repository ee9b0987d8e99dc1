// LAB D, item D4: the contract of interrupts between processors. Until lab D is in there is nobody to send
// one to (standins/d.cc).
#pragma once

#include <cstdint>

#include "lib/types.h"

namespace cairn {

// ---- LAB D4 ----------------------------------------------------------------------------------
/// Interrupts another processor with `vector`, whose handler (interrupts/irq.h) runs there as soon as that
/// processor has interrupts on; ends its HLT. What was written before the call is seen by the handler. Doesn't
/// wait for it. Interrupts off; any spinlocks held.
void send_ipi(CpuId cpu, uint8_t vector);

}  // namespace cairn
