#include "arch/cpu.h"
#include "exec/initial_stack.h"

namespace cairn {

uint64_t cpu_capabilities() { return cpuid(1).edx; }

}  // namespace cairn
