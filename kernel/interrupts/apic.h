// Local and I/O APICs.
// Source: Intel SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"; Intel 82093AA data sheet.
#pragma once

#include <cstdint>

#include "lib/result.h"

namespace cairn {

/// Maps and enables this processor's APIC and masks the old PICs. Interrupts off.
/// ENOMEM if the device window is full.
Result<void> start_local_apic();
/// Maps all I/O APICs, every pin masked.
Result<void> start_io_apics();

/// Tells the local APIC that the interrupt in service has been handled.
void end_of_interrupt();

/// This processor's number among the APICs, 8 bits (xAPIC).
uint32_t local_apic_id();

/// Arms this processor's timer to interrupt once (kTimerVector) after `ticks` of its clock; 0 disarms.
void arm_apic_timer(uint32_t ticks);
/// Ticks left, for calibration.
uint32_t apic_timer_remaining();

/// Routes ISA interrupt `isa` (0–15) to `vector` of the boot processor and unmasks it, honouring the
/// MADT's overrides. ENODEV if no I/O APIC has that pin.
Result<void> route_isa_interrupt(uint8_t isa, uint8_t vector);

}  // namespace cairn
