// What processes used, as wait4() and getrusage() tell it.
#pragma once

#include "process/process.h"
#include "syscalls/time_values.h"

namespace cairn {

/// Stores a struct rusage, unless the address is 0: times and page faults; what else is in it isn't counted here, and 0.
/// EFAULT.
Result<void> store_usage(uint64_t address, const ResourceUse& use);

}  // namespace cairn
