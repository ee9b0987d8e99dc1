// /proc/PID/stat, statm, status, comm.
// Source: Linux, proc(5), "/proc/pid/stat", "/proc/pid/status".
#include "lib/string.h"
#include "procfs/process_view.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr uint64_t kTickNs = 10'000'000;  // of clock ticks: 100 a second
constexpr uint64_t kChildSignal = 17;

int64_t ticks(uint64_t ns) { return int64_t(ns / kTickNs); }

void print_ids(Writer& out, const char* label, const IdSet& ids) {
  // The last is who files are opened for, which follows the effective one.
  print(out, "{}:\t{}\t{}\t{}\t{}\n", label, ids.real, ids.effective, ids.saved, ids.effective);
}

/// umask, room for descriptors, further groups: what the process's files know.
void print_file_facts(Process& process, Writer& out, bool of_groups) {
  RefPtr<GroupList> groups;
  {
    FilesOf files(process);
    if (files.get() == nullptr) {
      if (of_groups) print(out, "FDSize:\t0\nGroups:\t \n");
      return;
    }
    uint16_t umask = files.get()->umask.load();
    if (!of_groups) {
      const char octal[] = {'0', char('0' + (umask >> 6 & 7)), char('0' + (umask >> 3 & 7)),
                            char('0' + (umask & 7))};
      print(out, "Umask:\t{}\n", std::string_view(octal, sizeof(octal)));
      return;
    }
    groups = files.get()->who().groups;
  }
  print(out, "FDSize:\t{}\nGroups:\t", kMaxFds);
  if (groups) {
    for (uint32_t group : groups->groups()) print(out, "{} ", group);
  } else {
    print(out, " ");
  }
  print(out, "\n");
}

void print_memory_facts(const MemoryView& memory, Writer& out) {
  const struct {
    const char* label;
    uint64_t bytes;
  } kFacts[] = {
      {"VmSize", memory.size},
      {"VmRSS", memory.resident},
      {"RssAnon", memory.resident - memory.resident_file},
      {"RssFile", memory.resident_file},
      {"RssShmem", 0},
      {"VmData", memory.data},
      {"VmStk", memory.stack},
      {"VmExe", memory.text},
      {"VmLib", memory.library},
      {"VmPTE", memory.tables},
      {"VmSwap", 0},
  };
  for (const auto& fact : kFacts) print(out, "{}:\t{:8} kB\n", fact.label, fact.bytes / 1024);
}

void print_signal_facts(const ProcessView& view, Writer& out) {
  print(out, "SigQ:\t{}/{}\n", queued_signal_count(), view.signal_limit);
  print(out, "SigPnd:\t{:016h}\nShdPnd:\t{:016h}\n", view.pending, view.shared_pending);
  print(out, "SigBlk:\t{:016h}\nSigIgn:\t{:016h}\nSigCgt:\t{:016h}\n", view.blocked, view.ignored,
        view.caught);
}

}  // namespace

Result<void> print_process_stat(const ProcTarget& target, ProcText& out) {
  ProcessView view = TRY(view_of(target));
  MemoryView memory;
  ProgramStrings strings;
  if (RefPtr<AddressSpace> space = address_space_of(*target.process)) {
    memory = memory_of(*target.process);
    strings = space->program_strings();
  }
  // Where things are in its memory is its own affair; asked last, since an exec may have come between.
  const bool may_look = may_look_into(*target.process);
  if (!may_look) {
    memory.text_start = memory.text_end = memory.stack_start = 0;
    strings = {};
  }
  print(out, "{} ({}) {} {} {} {} {} {} 0 ", view.id, view.name, view.state, view.parent,
        view.group, view.session, view.terminal, view.foreground);
  const ResourceUse &mine = view.use, &children = view.children_use;
  print(out, "{} {} {} {} ", mine.faults.minor, children.faults.minor, mine.faults.major,
        children.faults.major);
  print(out, "{} {} {} {} ", ticks(mine.time.user_ns), ticks(mine.time.kernel_ns),
        ticks(children.time.user_ns), ticks(children.time.kernel_ns));
  constexpr int kUsualPriority = 20;
  print(out, "{} {} {} 0 {} {} {} {} ", kUsualPriority + view.nice, view.nice, view.threads,
        ticks(view.started_ns), memory.size, memory.resident / kPageSize, UINT64_MAX);
  print(out, "{} {} {} 0 0 ", memory.text_start, memory.text_end, memory.stack_start);
  constexpr uint64_t kShownSignals = (1ull << 31) - 1;
  print(out, "{} {} {} {} 0 0 0 ", (view.pending | view.shared_pending) & kShownSignals,
        view.blocked & kShownSignals, view.ignored & kShownSignals, view.caught & kShownSignals);
  print(out, "{} {} 0 0 0 0 0 0 0 0 {} {} {} {} {}\n", kChildSignal, view.cpu,
        strings.arguments.start.value, strings.arguments.end.value, strings.environment.start.value,
        strings.environment.end.value, may_look ? view.exit_status : 0);
  return {};
}

Result<void> print_process_status(const ProcTarget& target, ProcText& out) {
  ProcessView view = TRY(view_of(target));
  print(out, "Name:\t");
  write_escaped(out, view.name, "\n\\");
  print(out, "\n");
  print_file_facts(*target.process, out, false);
  print(out, "State:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n",
        view.state, state_name(view.state), view.process, view.id, view.parent);
  print_ids(out, "Uid", view.ids.user);
  print_ids(out, "Gid", view.ids.group);
  print_file_facts(*target.process, out, true);
  if (RefPtr<AddressSpace> space = address_space_of(*target.process))
    print_memory_facts(memory_of(*target.process), out);
  print(out, "Threads:\t{}\n", view.threads);
  print_signal_facts(view, out);
  return {};
}

Result<void> print_statm(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  MemoryView memory = memory_of(*target.process);
  print(out, "{} {} {} {} 0 {} 0\n", memory.size / kPageSize, memory.resident / kPageSize,
        memory.resident_file / kPageSize, memory.text / kPageSize,
        (memory.data + memory.stack) / kPageSize);
  return {};
}

Result<void> print_name(const ProcTarget& target, ProcText& out) {
  ProcessView view = TRY(view_of(target));
  print(out, "{}\n", view.name);
  return {};
}

/// Its own threads may.
Result<void> change_name(const ProcTarget& target, std::string_view text) {
  Process& process = *target.process;
  if (current_process() != &process) return Errno::kEINVAL;
  constexpr size_t kMaxName = 15;  // bytes
  text = text.substr(0, text.find('\0')).substr(0, kMaxName);
  IrqGuard guard(process_tree_lock);
  BufferWriter(process.name).write(text);
  return {};
}

}  // namespace cairn
