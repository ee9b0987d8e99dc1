// Upward need: read, write and writev where there are no files, that is without lab B, and while its
// descriptor table is still to be written. The console is 0, 1 and 2; other descriptors are EBADF.
// Implemented in standins/b.cc.
#pragma once

#include "arch/trap_frame.h"

namespace cairn {

/// A line at a time, as a terminal gives it. 0 at end of input (^D).
int64_t console_read(TrapFrame& call);
int64_t console_write(TrapFrame& call);
int64_t console_writev(TrapFrame& call);

}  // namespace cairn
