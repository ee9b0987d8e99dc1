// Time: the TSC, calibrated at boot against the PIT.
#pragma once

#include <cstdint>

#include "lib/result.h"

namespace cairn {

/// Measures TSC and APIC timer against 2 ms of the PIT; reads the date from the CMOS clock. Needs the
/// local APIC. Interrupts off.
void calibrate_clock();

/// Nanoseconds since calibration; never goes back. 0 before.
uint64_t monotonic_ns();
/// Nanoseconds since 1970-01-01 UTC.
uint64_t realtime_ns();
/// Nanoseconds that so many ticks of the TSC take.
uint64_t ns_of_tsc(uint64_t ticks);
/// TSC ticks a second.
uint64_t tsc_frequency();
/// APIC timer ticks for `ns`, at least 1 and at most what its register holds.
uint32_t apic_ticks_for(uint64_t ns);

}  // namespace cairn
