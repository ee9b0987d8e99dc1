// Terminals as files: /dev/console and /dev/ttyS0, which is the same; /dev/tty, whichever controls the session. The
// slaves of pseudo-terminals are such files, too (pty.h).
#pragma once

#include "special_files/device_file.h"

namespace cairn {

class Tty;

/// The driver of a terminal's files, whose File::stream_number is Tty::connection() as they were opened.
struct TerminalDevice : CharacterDevice {
  Tty* tty;
};
/// One without a name or number, whose files only their maker opens.
TerminalDevice terminal_device(Tty& tty);
/// After such a file was opened: of a session leader that has none it becomes the controlling terminal, unless
/// O_NOCTTY says otherwise.
void acquire_terminal(File& file, Tty& tty);

/// At boot, before the first process.
void register_terminal_files();

}  // namespace cairn
