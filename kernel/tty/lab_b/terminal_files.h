// Terminals as files: /dev/console and /dev/ttyS0, which is the same; /dev/tty, whichever controls the session.
#pragma once

namespace cairn {

/// At boot, before the first process.
void register_terminal_files();

}  // namespace cairn
