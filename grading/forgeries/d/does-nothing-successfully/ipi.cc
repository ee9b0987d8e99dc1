// A forgery: every call has been made, and nobody was asked.
#include "interrupts/ipi.h"

namespace cairn {

void send_ipi(CpuId, uint8_t) {}
void start_ipis() {}
void call_on_cpus(CpuSet, CpuCall function, void* argument) { function(argument); }

}  // namespace cairn
