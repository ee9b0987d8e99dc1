// What page-table operations cost.
#pragma once

#include "monitor/command.h"

namespace cairn {

/// Prints `name=walk ticks=31` lines: TSC ticks an operation, which are instructions under
/// QEMU's -icount shift=0. Each is run twice and the second run counts. ENOMEM.
Result<void> run_page_bench(MonitorSession& session);

}  // namespace cairn
