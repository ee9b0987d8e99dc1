// Kernel stacks: 16 KiB each with a guard of the same size below, so that an overflow faults instead
// of overwriting its neighbour. Free ones are kept mapped, to be used again, while nobody wants their memory.
#pragma once

#include <atomic>

#include "arch/layout.h"
#include "arch/percpu.h"
#include "lib/result.h"

namespace cairn {

/// The top of a free stack (exclusive end, 16-byte aligned). ENOMEM.
Result<VirtAddr> allocate_kernel_stack();
void free_kernel_stack(VirtAddr top);

/// Gives the frames of some free stacks back to the frame allocator, which calls it when memory runs out.
/// Whether there were any. Takes only a spinlock (kStacks).
bool give_back_kernel_stacks();

/// Rises when a stack got other frames than its addresses had before.
extern std::atomic<uint64_t> kernel_stack_generation;
/// Has this processor forget all translations of the kernel half, as of that generation.
void forget_kernel_stacks(uint64_t generation);
/// Before this processor touches a stack other than that of the running thread: the scheduler's switch to
/// another one. Preemption disabled.
inline void forget_old_kernel_stacks() {
  uint64_t now = kernel_stack_generation.load();
  if (this_cpu().kernel_stack_generation != now) [[unlikely]]
    forget_kernel_stacks(now);
}

}  // namespace cairn
