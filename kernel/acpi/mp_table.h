// Where the MultiProcessor Specification's configuration table is, on machines without ACPI.
#pragma once

#include <cstdint>
#include <span>

namespace cairn {

/// The table that the floating pointer structure names, as long as its own header says, in memory that the boot map
/// shows; empty if there is no pointer with a right checksum, or no room for the table where it points. Nothing of the
/// table has been checked. Once, at boot, under the boot map.
/// Source: Intel, "MultiProcessor Specification" 1.4, "MP Floating Pointer Structure".
std::span<const uint8_t> find_mp_table();

}  // namespace cairn
