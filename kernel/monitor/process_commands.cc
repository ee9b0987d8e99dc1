// run, wait, ps, kill.
#include "drivers/uart.h"
#include "lib/words.h"
#include "memory/heap.h"
#include "monitor/program_commands.h"
#include "process/program.h"
#include "process/signal.h"
#include "tty/console.h"

namespace cairn {

namespace {

void print_end(Writer& out, Pid pid, int status) {
  if ((status & 0x7f) == 0) {
    print(out, "pid={} exited status={}\n", pid, status >> 8 & 0xff);
  } else {
    print(out, "pid={} killed signal={}\n", pid, status & 0x7f);
  }
}

Errno no_such_program(MonitorSession& session, std::string_view name) {
  char list[128];
  BufferWriter names(list);
  list_programs([](const char* program,
                   void* context) { print(*static_cast<BufferWriter*>(context), " {}", program); },
                &names);
  if (names.text().empty()) {
    return session.fail(Errno::kENOENT, "{}: the boot loader brought no programs", name);
  }
  return session.fail(Errno::kENOENT, "{}: no such program; there are{}", name, names.text());
}

Result<void> start_job(MonitorSession& session, const RefPtr<Process>& process) {
  auto* job = new_object<Job>();
  if (job == nullptr) return session.fail(Errno::kENOMEM, "out of memory");
  job->process = process;
  session.jobs.push_back(*job);
  print(session.out, "pid={}\n", process->pid);
  return {};
}

Result<void> run(MonitorSession& session, Arguments arguments) {
  bool background = arguments.back() == "&";
  if (background) arguments = arguments.first(arguments.size() - 1);
  if (arguments.empty()) return session.fail(Errno::kEINVAL, "run which program?");
  RefPtr<Process> process = TRY(start_program_of(session, arguments));
  if (background) return start_job(session, process);
  return wait_in_foreground(session, *process);
}

Result<void> wait(MonitorSession& session, Arguments arguments) {
  uint64_t pid = TRY(parse_number(session, arguments[0], "pid"));
  for (Job& job : session.jobs) {
    if (job.process->pid.value != pid) continue;
    RefPtr<Process> process = job.process;
    auto done = wait_in_foreground(session, *process);
    session.jobs.remove(job);
    delete &job;
    return done;
  }
  return session.fail(Errno::kECHILD, "pid {} was not started here with '&'", pid);
}

Result<void> ps(MonitorSession& session, Arguments) {
  for_each_process([&session](Process& process) {
    RefPtr<AddressSpace> space = address_space_of(process);
    AddressSpace::Usage usage = space ? space->usage() : AddressSpace::Usage{0, 0};
    uint64_t parent;
    {
      IrqGuard guard(process_tree_lock);
      parent = process.parent != nullptr ? process.parent->pid.value : kKernelPid.value;
    }
    print(session.out, "pid={} ppid={} state={} root={} pages={} tables={} wait={} name={}\n",
          process.pid, parent, process_state_name(process),
          space ? space->page_table().root() : PhysAddr(0), usage.pages, usage.tables,
          process_wait_name(process), process.name);
  });
  return {};
}

Result<void> kill(MonitorSession& session, Arguments arguments) {
  RefPtr<Process> process = TRY(parse_process(session, arguments[0]));
  uint64_t signal = kSigKill;
  if (arguments.size() == 2) signal = TRY(parse_number(session, arguments[1], "signal"));
  if (signal < 1 || signal > kMaxSignal) return session.fail(Errno::kEINVAL, "signals are 1 to 64");
  send_signal(*process, unsigned(signal));
  return {};
}

constexpr Command kCommands[] = {
    {"run", "NAME [ARGUMENTS] [&]", "run a program; &: in the background", run, 1},
    {"wait", "PID", "wait for a program run with &", wait, 1, 1},
    {"ps", "", "list processes", ps, 0, 0},
    {"kill", "PID [SIGNAL]", "send a signal, 9 (KILL) unless told", kill, 1, 2},
};

}  // namespace

std::span<const Command> process_commands() { return kCommands; }

Result<RefPtr<Process>> start_program_of(MonitorSession& session, Arguments words,
                                         RefPtr<CallTrace>* trace) {
  if (!has_program(words[0])) return no_such_program(session, words[0]);
  char name[32], command_line[kMaxCommandLine];
  BufferWriter(name).write(words[0].substr(words[0].rfind('/') + 1));
  BufferWriter writer(command_line);
  for (size_t i = 0; i < words.size(); i++) {
    const char* quote = needs_quotes(words[i]) ? "'" : "";
    print(writer, "{}{}{}{}", i == 0 ? "" : " ", quote, words[i], quote);
  }
  auto process = start_process(name, command_line, false, {}, trace);
  if (process.ok()) return process;
  return session.fail(process.error(), "{}: cannot start: {}", name, errno_name(process.error()));
}

Result<void> wait_in_foreground(MonitorSession& session, Process& process) {
  if (session.interactive) lend_console(process);
  auto status = wait_for_process(process, nullptr);
  if (session.interactive) take_console_back();
  print_end(session.out, process.pid, *status);
  return {};
}

}  // namespace cairn
