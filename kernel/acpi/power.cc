#include "acpi/power.h"

#include "acpi/acpi.h"
#include "arch/cpu.h"

namespace cairn {

void stop_machine() {
  disable_interrupts();
  halt_forever();
}

/// ACPI's S5. Its type would come from AML; QEMU's is 0.
void power_off() {
  constexpr uint16_t kSleepEnable = 1 << 13;
  disable_interrupts();
  if (acpi_info().pm1a_control != 0) out16(acpi_info().pm1a_control, kSleepEnable);
  stop_machine();
}

void restart_machine() {
  disable_interrupts();
  out8(0xcf9, 0x06);  // reset control register of PCI chipsets: full reset
  out8(0x64, 0xfe);   // the keyboard controller's reset line
  stop_machine();
}

}  // namespace cairn
