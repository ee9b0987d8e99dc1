// trace: what a process does, call by call, until it ends or ^C.
#include "monitor/command.h"
#include "monitor/program_commands.h"
#include "process/call_trace.h"
#include "process/program.h"
#include "time/clock.h"
#include "tty/console.h"

namespace cairn {

namespace {

/// Prints what is told until nobody is traced any more. EINTR: a person typed ^C, and the program hasn't the console.
Result<void> print_trace_of(MonitorSession& session, CallTrace& trace, bool may_interrupt) {
  constexpr uint64_t kLookNs = 100'000'000;  // how often one looks for ^C
  char buffer[256];
  if (may_interrupt) (void)take_console_interrupt();  // of an earlier command
  while (true) {
    auto waited = trace.told().wait_until_interruptible([&trace] { return trace.is_ready(); },
                                                        monotonic_ns() + kLookNs);
    if (may_interrupt && take_console_interrupt()) return Errno::kEINTR;
    if (!waited.ok()) continue;
    size_t count = TRY(trace.read(buffer));
    if (count == 0) return {};
    session.out.write({buffer, count});
  }
}

Result<void> trace_process(MonitorSession& session, std::string_view pid, bool follows) {
  RefPtr<Process> process = TRY(parse_process(session, pid));
  auto trace = begin_trace(*process, true);
  if (!trace.ok()) {
    return session.fail(trace.error(), "pid {}: {}", process->pid,
                        trace.error() == Errno::kEPERM ? "it is traced already" : "it ends");
  }
  (*trace)->follows_children = follows;
  auto printed = print_trace_of(session, **trace, session.interactive);
  (*trace)->close();
  return printed;
}

Result<void> trace_program(MonitorSession& session, Arguments words, bool follows) {
  RefPtr<CallTrace> trace;
  RefPtr<Process> process = TRY(start_program_of(session, words, &trace));
  trace->follows_children = follows;
  if (session.interactive) lend_console(*process);
  auto printed = print_trace_of(session, *trace, false);
  trace->close();
  TRY(wait_in_foreground(session, *process));
  return printed;
}

Result<void> trace_command(MonitorSession& session, Arguments arguments) {
  const bool follows = arguments[0] == "-f";
  if (follows) arguments = arguments.subspan(1);
  if (arguments.empty()) return session.fail(Errno::kEINVAL, "trace which pid or program?");
  const char first = arguments[0][0];
  if (arguments.size() == 1 && first >= '0' && first <= '9') {
    return trace_process(session, arguments[0], follows);
  }
  return trace_program(session, arguments, follows);
}

constexpr Command kCommands[] = {
    {"trace", "[-f] PID|NAME [WORDS]", "a process's calls; -f: its children's", trace_command, 1},
};

}  // namespace

std::span<const Command> trace_commands() { return kCommands; }

}  // namespace cairn
