// The console: the terminal on COM1. Its keys go to processes while one reads, or while the monitor has lent it to a
// program that it runs; else to the monitor.
#pragma once

#include "process/process.h"
#include "tty/tty.h"

namespace cairn {

extern Tty console_tty;

/// A process's read(): see Tty::read().
Result<uint64_t> read_console(IoBuffer& buffer, bool may_wait);
/// Whether read_console() would find something. A hint: a line may not be complete yet.
bool console_has_input();

/// The next byte for the monitor, once no process wants input. May sleep.
char read_console_byte();
/// The monitor lends the console to the program that it runs, which ^C then interrupts, and takes it back with the
/// settings that it had before.
void lend_console(Process& process);
void take_console_back();

/// Whether ^C was typed at the monitor since the last call. For commands that may print without end.
bool take_console_interrupt();

/// Keys come in from now on. Once, after the console's UART started.
void start_console_input();

}  // namespace cairn
