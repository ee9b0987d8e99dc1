// GDT, TSS and IDT: the tables the processor reads to enter and leave the kernel.
#pragma once

#include "arch/percpu.h"

namespace cairn {

/// Loads this processor's tables, points GS at `cpu` and sets up SYSCALL. Interrupts off.
void load_descriptors(Cpu& cpu);

/// The kernel stack for the next entry from user mode. Interrupts off.
void set_kernel_stack(VirtAddr top);

}  // namespace cairn
