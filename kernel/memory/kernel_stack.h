// Kernel stacks: 16 KiB each with a guard of the same size below, so that an overflow faults instead
// of overwriting its neighbour. A slot once mapped stays mapped and is reused: kernel mappings are
// never taken away.
#pragma once

#include "arch/layout.h"
#include "lib/result.h"

namespace cairn {

/// The top of a free stack (exclusive end, 16-byte aligned). ENOMEM.
Result<VirtAddr> allocate_kernel_stack();
void free_kernel_stack(VirtAddr top);

}  // namespace cairn
