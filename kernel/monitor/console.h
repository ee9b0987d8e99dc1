// Who gets the console's input: a process that reads it comes first, then the monitor.
#pragma once

#include <span>

#include "address_space/io_buffer.h"
#include "lib/result.h"
#include "process/process.h"

namespace cairn {

/// A line for a process, with echo and erasing, its \n included; long lines come in pieces. 0 bytes
/// at ^D on an empty line. EINTR when a signal comes first. May sleep.
Result<size_t> read_console_line(std::span<char> buffer);

/// Whether a process would find something to read: the rest of a line, or bytes that were typed. A
/// hint: the line may not be complete.
bool console_has_input();

/// Writes what is left of the buffer to the console: bytes written, or EFAULT if none were. May sleep.
Result<uint64_t> write_console(IoBuffer& buffer);

/// The next byte for the monitor, once no process wants input. May sleep.
char read_console_byte();

/// The process that ^C interrupts, while the monitor waits for it; null for none.
void set_foreground_process(Process* process);

/// Whether ^C was typed since the last call. For commands that may print without end.
bool take_console_interrupt();

/// Hooks ^C. Once, after the console's UART started.
void start_console_input();

}  // namespace cairn
