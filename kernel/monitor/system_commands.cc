// help, metrics, log, fail, window, reboot, halt.
#include "acpi/power.h"
#include "debug/kernel_test.h"
#include "debug/log.h"
#include "debug/trace.h"
#include "memory/frame_allocator.h"
#include "metrics/counter.h"
#include "monitor/command.h"
#include "procfs/procfs.h"
#include "tty/console.h"
#include "vfs/mount.h"

namespace cairn {

namespace {

Result<void> help(MonitorSession& session, Arguments arguments) {
  bool found = false;
  for_each_command([&](const Command& command) {
    if (!arguments.empty() && arguments[0] != command.name) return;
    found = true;
    print(session.out, "{:<12} {:<24} {}\n", command.name, command.usage, command.summary);
  });
  if (!found) return session.fail(Errno::kEINVAL, "{}: no such command", arguments[0]);
  return {};
}

Result<void> metrics(MonitorSession& session, Arguments arguments) {
  for (const Counter& counter : all_counters()) {
    if (!arguments.empty() && !std::string_view(counter.name()).starts_with(arguments[0])) continue;
    print(session.out, "{}={}\n", counter.name(), counter.value());
  }
  return {};
}

Result<void> log_command(MonitorSession& session, Arguments arguments) {
  if (!arguments.empty() && arguments[0] == "trace") {
    print_trace(session.out, 64);
  } else {
    print_log(session.out);
  }
  return {};
}

Result<void> syscalls(MonitorSession& session, Arguments) {
  print_syscalls(session.out);
  return {};
}

Result<void> fail_command(MonitorSession& session, Arguments arguments) {
  if (arguments[0] != "allocation") {
    return session.fail(Errno::kEINVAL, "fail {}: only allocations can", arguments[0]);
  }
  fail_frame_allocation(TRY(parse_number(session, arguments[1], "count")));
  return {};
}

Result<void> kernel_tests(MonitorSession& session, Arguments) {
  unsigned failed = run_kernel_tests(session.out);
  if (failed != 0) return session.fail(Errno::kEIO, "{} kernel tests failed", failed);
  return {};
}

Result<void> window(MonitorSession& session, Arguments arguments) {
  uint64_t rows = TRY(parse_number(session, arguments[0], "rows"));
  uint64_t columns = TRY(parse_number(session, arguments[1], "columns"));
  if (rows > UINT16_MAX || columns > UINT16_MAX) {
    return session.fail(Errno::kEINVAL, "a window has at most {} rows and columns", UINT16_MAX);
  }
  set_console_window(uint16_t(rows), uint16_t(columns));
  return {};
}

Result<void> reboot(MonitorSession&, Arguments) {
  if (stop_file_systems != nullptr) stop_file_systems();
  restart_machine();
}

Result<void> halt(MonitorSession& session, Arguments) {
  if (stop_file_systems != nullptr) stop_file_systems();
  print(session.out, "halted\n");
  power_off();
}

constexpr Command kCommands[] = {
    {"help", "[COMMAND]", "this list", help, 0, 1},
    {"metrics", "[PREFIX]", "counters, all or those with PREFIX", metrics, 0, 1},
    {"log", "[trace]", "the kernel's log, or the last events", log_command, 0, 1},
    {"syscalls", "", "the system calls that there are", syscalls, 0, 0},
    {"fail", "allocation N", "make the N-th from now fail (0: none)", fail_command, 2, 2},
    {"ktest", "", "run the kernel's own tests", kernel_tests, 0, 0},
    {"window", "ROWS COLUMNS", "the terminal's size; programs are told", window, 2, 2},
    {"reboot", "", "start again", reboot, 0, 0},
    {"halt", "", "switch off", halt, 0, 0},
};

}  // namespace

std::span<const Command> system_commands() { return kCommands; }

}  // namespace cairn
