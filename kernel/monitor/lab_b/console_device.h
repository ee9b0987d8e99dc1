// The console as a character device: what programs have as 0, 1 and 2, and /dev/console.
#pragma once

namespace cairn {

/// At boot, before the first program and the first devfs.
void register_console_device();

}  // namespace cairn
