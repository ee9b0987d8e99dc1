// LAB D, item D1: the contract of finding out which processors there are. The firmware says so in a table of
// ACPI's, the MADT; older firmware in the MultiProcessor Specification's, which is taken where there is no MADT.
// What a table says is somebody else's word: it is believed only where it can be true.
// Until lab D is in, only the processor that runs is known (standins/d.cc).
// Sources: ACPI Specification 6.4, "Multiple APIC Description Table (MADT)"; Intel, "MultiProcessor
// Specification" 1.4, "MP Configuration Table".
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "arch/cpu_set.h"
#include "lib/result.h"

namespace cairn {

/// Processors that can be started, each by its local APIC's number, in the order of the table.
struct ProcessorList {
  std::array<uint32_t, kMaxCpus> apic_ids{};
  unsigned count = 0;
  unsigned left_out = 0;  // that the table lists beyond kMaxCpus

  std::span<const uint32_t> all() const { return {apic_ids.data(), count}; }
};

// ---- LAB D1 (handouts/d-smp.md#d1) -----------------------------------------------------------
// `table` is what there may be of it, its header first; it may be longer than the table says it is, and its bytes may
// be any. EINVAL, and nothing is believed: the signature is another's, the length is less than the header's or more
// than `table` has, the bytes of the length don't add up to 0 (mod 256), or an entry is shorter than its kind
// (of kinds that matter here) or goes beyond the end. A number that comes twice counts once.

/// What an MADT ("APIC") lists as enabled: processors with a local APIC (type 0) or x2APIC (type 9). Entries of other
/// types are passed over by their length.
Result<ProcessorList> processors_of_madt(std::span<const uint8_t> table);

/// The same from an MP configuration table ("PCMP"): entries of type 0 are 20 bytes long, those of types 1 to 4 are 8;
/// with another type the rest can't be read: EINVAL. The header says how many entries there are.
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t> table);

}  // namespace cairn
