// Device registers. An upward need: the interrupt controllers are mapped before the subsystems above exist,
// by memory/kernel_half.cc.
#pragma once

#include "lib/types.h"

namespace cairn {

/// Maps `size` bytes of device registers at physical `address`, uncached, for ever. Null if the window
/// is full. Once the kernel half is built; locks: none, so at boot or from one thread.
volatile void* map_mmio(PhysAddr address, uint64_t size);

}  // namespace cairn
