#include "arch/cpu.h"

namespace cairn {

extern "C" {
constinit uint8_t cpu_has_smap = 0;
}

void enable_protections() {
  Cr4 cr4 = Cr4::read();
  if (cpuid(0).eax >= 7) {
    CpuidResult features = cpuid(7);
    if (features.ebx & (1 << 7)) cr4.value |= Cr4::kSmep;
    if (features.ebx & (1 << 20)) cr4.value |= Cr4::kSmap;
    if (features.ecx & (1 << 2)) cr4.value |= Cr4::kUmip;
  }
  cr4.write();
  cpu_has_smap = (cr4.value & Cr4::kSmap) != 0;
}

}  // namespace cairn
