// Ways out of the machine.
#pragma once

#include <cstdint>

namespace cairn {

/// Whether this is a graded run (kernel option `graded`): unfinished lab code and panics then
/// leave through QEMU's debug-exit port instead of stopping here.
bool is_graded_run();
void set_graded_run();

/// QEMU ends with exit status (code << 1) | 1. Source: QEMU documentation, "isa-debug-exit".
/// Returns if there is no such device.
void debug_exit(uint8_t code);
inline constexpr uint8_t kExitPanic = 0x40;

}  // namespace cairn
