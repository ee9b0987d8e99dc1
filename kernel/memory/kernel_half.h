// The kernel's half of every address space: built once, before the frame allocator, by code that
// fills tables directly. Afterwards it only gains mappings (device registers, stacks), so no
// processor ever has to forget one.
#pragma once

#include "lib/result.h"
#include "memory/memory_map.h"

namespace cairn {

/// Builds the kernel half with frames taken from `map` and loads it. False if memory is short.
bool build_kernel_half(MemoryMap& map);

/// Maps stack slot `index` of the arena, whose four frames start in `frames`. ENOMEM.
Result<void> map_stack_slot(uint64_t index, const FrameNumber (&frames)[4]);

}  // namespace cairn
