// The monitor's commands: one table, used by the console and by the harness's channel.
#pragma once

#include <span>
#include <string_view>

#include "lib/format.h"
#include "lib/list.h"
#include "lib/result.h"
#include "process/process.h"

namespace cairn {

/// A background process that a session started and will report.
struct Job {
  RefPtr<Process> process;
  ListLink link;
};

/// Somebody who gives commands.
class MonitorSession {
 public:
  MonitorSession(Writer& out, bool interactive) : out(out), interactive(interactive) {}

  Writer& out;
  const bool interactive;  // a person: ^C interrupts, finished jobs are told at the prompt
  List<Job, &Job::link> jobs;

  /// Remembers why a command fails; returns the error for it.
  template <class... T>
  Errno fail(Errno error, std::string_view format, const T&... values) {
    BufferWriter writer(message_);
    print(writer, format, values...);
    return error;
  }
  const char* message() const { return message_; }
  void clear_message() { message_[0] = '\0'; }

 private:
  char message_[160] = {};
};

using Arguments = std::span<const std::string_view>;

struct Command {
  const char* name;
  const char* usage;    // arguments
  const char* summary;  // one line
  Result<void> (*run)(MonitorSession& session, Arguments arguments);
  // How many arguments it takes. Else it isn't called, and the message gives the usage.
  size_t least = 0;
  size_t most = SIZE_MAX;
};

/// Each file of commands declares its own.
std::span<const Command> process_commands();
std::span<const Command> memory_commands();
std::span<const Command> system_commands();
std::span<const Command> trace_commands();
std::span<const Command> table_commands();
std::span<const Command> disk_commands();
/// Lab B's; null where it isn't in (kernel/monitor/lab_b/).
[[gnu::weak]] std::span<const Command> file_commands();
[[gnu::weak]] std::span<const Command> file_change_commands();
[[gnu::weak]] std::span<const Command> file_walk_commands();
/// Lab C's.
[[gnu::weak]] std::span<const Command> elf_commands();
/// Lab D's.
[[gnu::weak]] std::span<const Command> processor_commands();
[[gnu::weak]] std::span<const Command> smp_stress_commands();

/// Runs a line. An empty line does nothing; for an unknown command the message hints at the nearest, and
/// for a wrong number of arguments it says which there are: EINVAL.
Result<void> run_command_line(MonitorSession& session, std::string_view line);

/// Decimal or 0x hexadecimal. EINVAL, with a message that names `what`.
Result<uint64_t> parse_number(MonitorSession& session, std::string_view text, const char* what);
/// The process with the pid that `text` gives. EINVAL, ESRCH.
Result<RefPtr<Process>> parse_process(MonitorSession& session, std::string_view text);

/// Calls use(const Command&) for every command.
template <class Use>
void for_each_command(Use use) {
  for (auto list : {process_commands, trace_commands, memory_commands, system_commands,
                    table_commands, disk_commands, file_commands, file_change_commands,
                    file_walk_commands, elf_commands, processor_commands, smp_stress_commands}) {
    if (list == nullptr) continue;  // not in this stage
    for (const Command& command : list()) use(command);
  }
}

}  // namespace cairn
