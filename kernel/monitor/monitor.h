// The monitor: a prompt on the console, and the same commands for the harness on its channel.
#pragma once

#include "lib/result.h"

namespace cairn {

/// Starts the console's monitor thread. ENOMEM.
Result<void> start_monitor();

/// Starts the harness's session on COM2. One line a command, "N COMMAND…", answered by "N|text"
/// lines and then "N=0" or "N=ENAME message". ENODEV without the port.
Result<void> start_channel();

}  // namespace cairn
