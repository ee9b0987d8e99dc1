// ACPI's static tables: where the interrupt controllers, the processors and the power button are. No AML.
// Every table is checked (signature, length, checksum) before anything in it is believed.
// Source: ACPI Specification 6.4, "ACPI Software Programming Model".
#pragma once

#include <array>
#include <cstdint>

#include "acpi/processors.h"
#include "lib/types.h"

namespace cairn {

struct IoApicInfo {
  PhysAddr address;
  uint32_t first_interrupt;  // global system interrupt of its pin 0
};

/// How an ISA interrupt is wired (MADT "Interrupt Source Override").
struct IsaOverride {
  uint32_t interrupt;  // global system interrupt
  bool active_low;
  bool level;
};

struct AcpiInfo {
  bool valid = false;  // false: no tables found; the defaults below stand
  PhysAddr local_apic{0xfee0'0000};
  std::array<IoApicInfo, 8> io_apics{IoApicInfo{PhysAddr(0xfec0'0000), 0}};
  unsigned io_apic_count = 1;
  std::array<IsaOverride, 16> isa{};  // index: ISA interrupt
  // That the MADT, or without one the MP table, lists; none if neither can be believed.
  ProcessorList processors;
  uint16_t pm1a_control = 0;  // I/O port, 0 if unknown
};

/// Reads the tables. `rsdp` as the loader gave it, 0 to search the BIOS area. The tables must lie in
/// memory that the direct map covers. Bad tables are logged and skipped. Once, at boot.
const AcpiInfo& read_acpi_tables(PhysAddr rsdp);
/// Instead of that: the standard addresses, and the processors that the MP table lists (acpi/mp_table.h).
void do_without_acpi();
const AcpiInfo& acpi_info();

/// The sum of the bytes, modulo 256: 0 for a table that is whole.
uint8_t byte_sum(const void* data, size_t length);

}  // namespace cairn
