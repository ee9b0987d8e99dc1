// How commands start programs and wait for them.
#pragma once

#include "monitor/command.h"
#include "process/call_trace.h"

namespace cairn {

/// Starts the program that the first word names, with the others as arguments; `trace`, if it isn't null, is told what
/// it does from its first call on. Fails with a message.
Result<RefPtr<Process>> start_program_of(MonitorSession& session, Arguments words,
                                         RefPtr<CallTrace>* trace = nullptr);
/// Lends it the console, if a person is there, and waits for its end, which is printed.
Result<void> wait_in_foreground(MonitorSession& session, Process& process);

}  // namespace cairn
