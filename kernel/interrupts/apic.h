// Local and I/O APICs.
// Source: Intel SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"; Intel 82093AA data sheet.
#pragma once

#include <cstdint>

#include "lib/result.h"

namespace cairn {

/// Maps and enables this processor's APIC, notes its number (Cpu::apic_id), and masks the old PICs. Interrupts off.
/// ENOMEM if the device window is full.
Result<void> start_local_apic();
/// Maps all I/O APICs, every pin masked.
Result<void> start_io_apics();

/// Writes this processor's interrupt command register: `command` is its low half, `apic_id` (8 bits) whom it is
/// for. Interrupts off.
/// Source: Intel SDM 3A, "Interrupt Command Register (ICR)".
void write_interrupt_command(uint32_t apic_id, uint32_t command);
/// Whether the last command hasn't left this processor yet; until then no other may be written.
bool interrupt_command_pending();

/// Tells the local APIC that the interrupt in service has been handled.
void end_of_interrupt();

/// Arms this processor's timer to interrupt once (kTimerVector) after `ticks` of its clock; 0 disarms.
void arm_apic_timer(uint32_t ticks);
/// Ticks left, for calibration.
uint32_t apic_timer_remaining();

/// Routes ISA interrupt `isa` (0–15) to `vector` of the boot processor and unmasks it, honouring the
/// MADT's overrides. ENODEV if no I/O APIC has that pin.
Result<void> route_isa_interrupt(uint8_t isa, uint8_t vector);

}  // namespace cairn
