#include "monitor/monitor.h"

#include "debug/unfinished.h"
#include "drivers/uart.h"
#include "memory/heap.h"
#include "monitor/command.h"
#include "monitor/line_editor.h"
#include "process/program.h"
#include "tty/console.h"
#include "tty/tty.h"

namespace cairn {

namespace {

/// Commands stand at the start of a line and after `help`, programs after `run`.
void offer_words(std::string_view before, Completion& completion) {
  if (before.empty() || before == "help ") {
    for_each_command([&](const Command& command) { completion.offer(command.name); });
  }
  if (before == "run ") {
    list_programs(
        [](const char* name, void* offered) { static_cast<Completion*>(offered)->offer(name); },
        &completion);
  }
}

size_t console_columns() {
  size_t columns = console_tty.window().columns;
  return columns != 0 ? columns : 80;  // nobody said
}

constinit LineEditor editor{read_console_byte, offer_words, console_columns};

/// Background programs that ended since the last prompt.
void report_finished_jobs(MonitorSession& session) {
  for (Job& job : session.jobs) {
    bool ended;
    {
      IrqGuard guard(process_tree_lock);
      ended = job.process->state != ProcessState::kAlive;
    }
    if (!ended) continue;
    auto status = wait_for_process(*job.process, nullptr);
    bool exited = (*status & 0x7f) == 0;
    print(session.out, "pid={} {}={} (background)\n", job.process->pid,
          exited ? "exited status" : "killed signal",
          exited ? *status >> 8 & 0xff : *status & 0x7f);
    session.jobs.remove(job);
    delete &job;
  }
}

void monitor_thread(void*) {
  ConsoleWriter out;
  MonitorSession session(out, true);
  while (true) {
    report_finished_jobs(session);
    wait_for_console();
    auto result = run_command_line(session, editor.read_line("cairn> ", out));
    (void)take_unfinished_item();  // it has been told in the log
    if (result.ok()) continue;
    if (session.message()[0] != '\0') {
      print(out, "{} ({})\n", session.message(), errno_name(result.error()));
    } else {
      print(out, "{}\n", errno_name(result.error()));
    }
  }
}

/// Puts "N|" before each line and ends unfinished ones.
class ChannelWriter final : public Writer {
 public:
  explicit ChannelWriter(std::string_view number) : number_(number) {}
  void write(std::string_view text) override {
    for (char c : text) {
      if (c == '\n' || used_ == sizeof(line_)) flush_line();
      if (c != '\n') line_[used_++] = c;
    }
  }
  void finish() {
    if (used_ != 0) flush_line();
  }

 private:
  void flush_line() {
    char buffer[sizeof(line_) + 32];
    BufferWriter out(buffer);
    print(out, "{}|{}\n", number_, std::string_view(line_, used_));
    channel_uart.write(out.text());
    used_ = 0;
  }

  std::string_view number_;
  char line_[200];
  size_t used_ = 0;
};

/// A line of the channel, without its end; longer ones are cut.
std::string_view read_channel_line(std::span<char> buffer) {
  size_t length = 0;
  while (true) {
    int byte = -1;
    channel_uart.arrivals().wait_until([&byte] { return (byte = channel_uart.try_read()) >= 0; });
    if (byte == '\n') return {buffer.data(), length};
    if (byte != '\r' && length < buffer.size()) buffer[length++] = char(byte);
  }
}

/// Sends all but the sequence number through the session's writer of the moment.
class SwitchWriter final : public Writer {
 public:
  void write(std::string_view text) override { target->write(text); }
  Writer* target = nullptr;
};

void channel_thread(void*) {
  static constinit char line[512] = {};
  SwitchWriter out;
  MonitorSession session(out, false);
  channel_uart.write("0=0 cairn channel\n");
  while (true) {
    std::string_view text = read_channel_line(line);
    size_t digits = text.find_first_not_of("0123456789");
    std::string_view number = text.substr(0, digits);
    if (number.empty() || digits == std::string_view::npos) continue;
    ChannelWriter writer(number);
    out.target = &writer;
    auto result = run_command_line(session, text.substr(digits));
    writer.finish();
    (void)take_unfinished_item();
    char buffer[256];
    BufferWriter answer(buffer);
    if (result.ok()) {
      print(answer, "{}=0\n", number);
    } else {
      print(answer, "{}={} {}\n", number, errno_name(result.error()), session.message());
    }
    channel_uart.write(answer.text());
  }
}

Result<void> start_thread(const char* name, void (*function)(void*)) {
  Thread* thread = TRY(create_thread(name, function, nullptr));
  make_ready(*thread);
  return {};
}

}  // namespace

Result<void> start_monitor() { return start_thread("monitor", monitor_thread); }

Result<void> start_channel() {
  TRY(channel_uart.start());
  return start_thread("channel", channel_thread);
}

}  // namespace cairn
