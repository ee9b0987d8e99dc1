// The kernel's half of every address space: built once, before the frame allocator, by code that
// fills tables directly. Afterwards it only gains mappings (device registers, stacks), which no processor
// has to forget; but for kernel stacks that give back their memory (memory/kernel_stack.cc).
#pragma once

#include "lib/result.h"
#include "memory/memory_map.h"

namespace cairn {

/// Builds the kernel half with frames taken from `map` and loads it. False if memory is short.
bool build_kernel_half(MemoryMap& map);

/// Loads it and has its pages survive loads of other tables. Once a processor.
void load_kernel_half();

/// Maps stack slot `index` of the arena to the four `frames`. ENOMEM.
Result<void> map_stack_slot(uint64_t index, const FrameNumber (&frames)[4]);
/// Takes the mapping away. The slot's addresses aren't used until it is mapped again, and what processors know
/// of them is the caller's business.
void unmap_stack_slot(uint64_t index, FrameNumber (&frames)[4]);

}  // namespace cairn
