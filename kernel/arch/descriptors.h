// GDT, TSS and IDT: the tables the processor reads to enter and leave the kernel.
#pragma once

#include "arch/percpu.h"

namespace cairn {

/// Fills and loads this processor's tables, points GS at `cpu` and sets up SYSCALL. Once a processor, at
/// its start, the boot processor first. Interrupts off.
void load_descriptors(Cpu& cpu);

/// The kernel stack for this processor's next entry from user mode. Interrupts off.
void set_kernel_stack(Cpu& cpu, VirtAddr top);

}  // namespace cairn
