// How the machine ends. File systems are the caller's business (vfs/mount.h).
#pragma once

namespace cairn {

/// Switches the machine off; where it can't be, stops it.
[[noreturn]] void power_off();
/// Starts the machine anew, from the firmware on.
[[noreturn]] void restart_machine();
/// Stops this processor for good; the machine stays on.
[[noreturn]] void stop_machine();

}  // namespace cairn
