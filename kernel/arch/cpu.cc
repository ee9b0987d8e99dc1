#include "arch/cpu.h"

namespace cairn {

extern "C" {
constinit uint8_t cpu_has_smap = 0;
}

namespace {
constinit bool cpu_has_rdrand = false;
}

bool read_hardware_random(uint64_t& value) {
  if (!cpu_has_rdrand) return false;
  uint8_t ready;
  asm volatile("rdrand %0; setc %1" : "=r"(value), "=q"(ready) : : "cc");
  return ready != 0;
}

void enable_protections() {
  cpu_has_rdrand = (cpuid(1).ecx & (1u << 30)) != 0;
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
