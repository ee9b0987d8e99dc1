// What requests to a disk cost.
#pragma once

#include "block/block_device.h"
#include "monitor/command.h"

namespace cairn {

/// Prints `name=disk_read ticks=…` lines: TSC ticks for a read of 4 KiB that a thread waits for, and
/// for one of many at once. Ticks are instructions under QEMU's -icount shift=0. Reads the disk's first
/// 4 KiB. EIO, ENOMEM.
Result<void> run_disk_bench(MonitorSession& session, BlockDevice& device);

}  // namespace cairn
