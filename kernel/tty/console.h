// The console: the terminal on COM1. Its keys go to processes while one reads, or while the monitor has lent it to a
// program that it runs; else to the monitor. Where there is an init, the console is its processes', and ^] takes it to
// the monitor and back.
#pragma once

#include "process/process.h"

namespace cairn {

class Tty;  // tty.h

extern Tty console_tty;
inline constexpr uint64_t kSerialDevice = 4 << 8 | 64;  // ttyS0's number

/// Whether a process's read() would find something. A hint: a line may not be complete yet.
bool console_has_input();

/// Waits until the console is the monitor's. May sleep.
void wait_for_console();
/// The next byte for the monitor, once no process wants input. May sleep.
char read_console_byte();
/// The monitor lends the console to the program that it runs, whose session it controls until the monitor takes it back
/// with the settings that it had at first.
void lend_console(Process& process);
void take_console_back();

/// How large the window is that shows the console, in characters; its programs are told (SIGWINCH).
void set_console_window(uint16_t rows, uint16_t columns);

/// From now on the console is the processes', unless ^] was typed.
void give_console_to_init();

/// Whether ^C was typed at the monitor since the last call. For commands that may print without end.
bool take_console_interrupt();

/// Keys come in from now on. Once, after the console's UART started.
void start_console_input();

}  // namespace cairn
