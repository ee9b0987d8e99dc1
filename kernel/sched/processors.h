// Starting the other processors, and stopping them in a panic. LAB D, item D1, is how one of them is woken.
#pragma once

#include <cstdint>

#include "lib/result.h"

namespace cairn {

// ---- LAB D1 (handouts/d-smp.md#d1) -----------------------------------------------------------

/// Wakes the processor whose local APIC is `apic_id`, which is waiting for its start since power-on, by
/// INIT-SIPI-SIPI: it begins in real mode at the start of page `page`, below 256. Returns when has_come() says it is
/// there; ETIMEDOUT if it isn't within kStartTimeoutNs after the last interrupt. Sleeps between looks; interrupts on.
/// Between the interrupts pass kAfterInitNs and kAfterStartupNs, and a second startup interrupt is sent only where the
/// first brought nobody.
/// Source: Intel, "MultiProcessor Specification" 1.4, "Application Processor Startup"; Intel SDM 3A, "MP
/// Initialization Example".
Result<void> start_processor(uint32_t apic_id, uint8_t page);

inline constexpr uint64_t kAfterInitNs = 10'000'000;
inline constexpr uint64_t kAfterStartupNs = 200'000;
inline constexpr uint64_t kStartTimeoutNs = 2'000'000'000;

// ---- Provided --------------------------------------------------------------------------------

/// Whether the processor that start_processor() was called for has come.
bool has_come();

/// Starts all processors that the firmware lists, one after the other, the running one left out; says in the log who
/// didn't come, and goes on without. They run threads from then on. Sleeps; once, at boot, after start_rcu().
void start_processors();

}  // namespace cairn
