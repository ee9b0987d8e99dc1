// The tables of /proc itself: processes by number, and the kernel's own files.
#include "lib/system_names.h"
#include "memory/frame_allocator.h"
#include "metrics/counter.h"
#include "process/pid_table.h"
#include "procfs/entry.h"
#include "procfs/procfs.h"
#include "sync/lock_order.h"

namespace cairn {

namespace {

std::optional<uint64_t> next_process_number(const ProcTarget&, uint64_t from) {
  IrqGuard guard(process_tree_lock);
  Process* process = process_after(Pid(from > 0 ? from - 1 : 0));
  return process != nullptr ? std::optional(process->pid.value) : std::nullopt;
}

Result<ProcTarget> find_process_number(const ProcTarget&, uint64_t number) {
  RefPtr<Process> process = find_process(Pid(number));
  if (!process) return Errno::kENOENT;
  return ProcTarget{std::move(process)};
}

constexpr NumberedEntries kProcesses{kProcessEntry, next_process_number, find_process_number};

Result<void> print_self(const ProcTarget&, ProcText& out) {
  if (current_process() == nullptr) return Errno::kENOENT;
  print(out, "{}", current_process()->pid);
  return {};
}
Result<void> print_thread_self(const ProcTarget&, ProcText& out) {
  if (current_process() == nullptr) return Errno::kENOENT;
  print(out, "{}/task/{}", current_process()->pid, current_user_thread().tid);
  return {};
}
Result<void> print_mounts_link(const ProcTarget&, ProcText& out) {
  print(out, "self/mounts");
  return {};
}

template <Result<void> (*kPrint)(const ProcTarget&, ProcText&)>
constexpr ProcEntry path_link(const char* name) {
  return {.name = name, .type = FileType::kSymlink, .permissions = 0777, .print = kPrint};
}

Result<void> print_file_systems(const ProcTarget&, ProcText& out) {
  for (auto* at = next_file_system(nullptr); at != nullptr; at = next_file_system(at))
    print(out, "{}\t{}\n", at->needs_device ? "" : "nodev", at->name);
  return {};
}

Result<void> print_options(const ProcTarget&, ProcText& out) {
  print(out, "{}\n", boot_options());
  return {};
}

Result<void> print_version(const ProcTarget&, ProcText& out) {
  print(out, "{} version {} ({}) {}\n", kSystemName, kSystemRelease, __VERSION__, kSystemVersion);
  return {};
}

template <const char* kText>
Result<void> print_text(const ProcTarget&, ProcText& out) {
  print(out, "{}\n", kText);
  return {};
}
Result<void> print_pid_limit(const ProcTarget&, ProcText& out) {
  print(out, "{}\n", kMaxPid);
  return {};
}

// ---- /proc/cairn: what other kernels don't have.

Result<void> print_metrics(const ProcTarget&, ProcText& out) {
  for (const Counter& counter : all_counters())
    print(out, "{} {}\n", counter.name(), counter.value());
  return {};
}
Result<void> print_frames(const ProcTarget&, ProcText& out) {
  print(out, "total {}\nfree {}\n", total_frame_count(), free_frame_count());
  for (unsigned use = unsigned(FrameUse::kPageTable); use < unsigned(FrameUse::kCount); use++)
    print(out, "{} {}\n", frame_use_name(FrameUse(use)), frames_in_use(FrameUse(use)));
  return {};
}
Result<void> print_calls(const ProcTarget&, ProcText& out) {
  print_syscalls(out);
  return {};
}

Result<void> print_locks(const ProcTarget&, ProcText& out) {
  if (kDebugBuild) {
    print_lock_counts(out);
  } else {
    print(out, "this kernel counts no locks: make kernel DEBUG=1 builds one that does\n");
  }
  return {};
}

constexpr ProcEntry kCairnEntries[] = {
    {.name = "frames", .print = print_frames},
    {.name = "locks", .print = print_locks},
    {.name = "metrics", .print = print_metrics},
    {.name = "syscalls", .print = print_calls},
};

constexpr ProcEntry kKernelSettings[] = {
    {.name = "hostname", .print = print_text<kSystemNode>},
    {.name = "osrelease", .print = print_text<kSystemRelease>},
    {.name = "ostype", .print = print_text<kSystemName>},
    {.name = "pid_max", .print = print_pid_limit},
    {.name = "version", .print = print_text<kSystemVersion>},
};

constexpr ProcEntry directory(const char* name, std::span<const ProcEntry> entries) {
  return {.name = name, .type = FileType::kDirectory, .permissions = 0555, .entries = entries};
}

constexpr ProcEntry kSettings[] = {directory("kernel", kKernelSettings)};

constexpr ProcEntry kRootEntries[] = {
    directory("cairn", kCairnEntries),
    {.name = "cmdline", .print = print_options},
    {.name = "cpuinfo", .print = print_cpus},
    {.name = "filesystems", .print = print_file_systems},
    {.name = "loadavg", .print = print_load},
    {.name = "meminfo", .print = print_memory_info},
    path_link<print_mounts_link>("mounts"),
    path_link<print_self>("self"),
    {.name = "stat", .print = print_kernel_stat},
    directory("sys", kSettings),
    path_link<print_thread_self>("thread-self"),
    {.name = "uptime", .print = print_uptime},
    {.name = "version", .print = print_version},
};

}  // namespace

constexpr ProcEntry kRootEntry{.type = FileType::kDirectory,
                               .permissions = 0555,
                               .entries = kRootEntries,
                               .numbered = &kProcesses};

}  // namespace cairn
