// The tables of what there is about a process.
#include "process/pid_table.h"
#include "procfs/process_view.h"
#include "vfs/file.h"

namespace cairn {

namespace {

// ---- Links.

Result<Place> directory_of(const ProcTarget& target, Place PathContext::*which) {
  PathContext context;
  {
    FilesOf files(*target.process);
    if (files.get() == nullptr) return Errno::kENOENT;
    context = files.get()->context();
  }
  if (!(context.*which)) return Errno::kENOENT;
  return context.*which;
}
Result<Place> current_directory(const ProcTarget& target) {
  return directory_of(target, &PathContext::current);
}
Result<Place> root_directory(const ProcTarget& target) {
  return directory_of(target, &PathContext::root);
}

Result<Place> program(const ProcTarget& target) {
  RefPtr<AddressSpace> space = address_space_of(*target.process);
  RefPtr<ObjectKeeper> keeper = space ? space->program_keeper() : nullptr;
  File* file = keeper ? keeper->as_file() : nullptr;
  if (file == nullptr) return Errno::kENOENT;
  return file->place;
}

Result<Place> open_file(const ProcTarget& target) {
  RefPtr<File> file;
  {
    FilesOf files(*target.process);
    if (files.get() == nullptr || files.get()->table == nullptr) return Errno::kENOENT;
    auto found = get_file_by_fd(*files.get()->table, target.fd);
    if (!found.ok()) return Errno::kENOENT;
    file = found.take();
  }
  return file->place;
}

template <Result<Place> (*kJump)(const ProcTarget&)>
Result<void> print_target(const ProcTarget& target, ProcText& out) {
  return print_place(TRY(kJump(target)), out);
}

template <Result<Place> (*kJump)(const ProcTarget&)>
constexpr ProcEntry link_to(const char* name) {
  return {.name = name,
          .type = FileType::kSymlink,
          .permissions = 0777,
          .print = print_target<kJump>,
          .jump = kJump,
          .is_private = true};
}

// ---- Descriptors.

std::optional<uint64_t> next_descriptor(const ProcTarget& directory, uint64_t from) {
  FilesOf files(*directory.process);
  if (files.get() == nullptr || files.get()->table == nullptr || from >= kMaxFds) return {};
  int fd = next_fd(*files.get()->table, int(from));
  return fd >= 0 ? std::optional(uint64_t(fd)) : std::nullopt;
}

Result<ProcTarget> find_descriptor(const ProcTarget& directory, uint64_t number) {
  if (next_descriptor(directory, number) != number) return Errno::kENOENT;
  ProcTarget target = directory;
  target.fd = int(number);
  return target;
}

constexpr ProcEntry kDescriptor = link_to<open_file>("");
constexpr NumberedEntries kDescriptors{kDescriptor, next_descriptor, find_descriptor};

// ---- Threads.

std::optional<uint64_t> next_thread(const ProcTarget& directory, uint64_t from) {
  IrqGuard guard(process_tree_lock);
  std::optional<uint64_t> next;
  for (const UserThread& thread : directory.process->threads) {
    uint64_t tid = thread.tid.value;
    if (tid >= from && (!next || tid < *next)) next = tid;
  }
  bool is_zombie =
      directory.process->threads.empty() && directory.process->state == ProcessState::kZombie;
  if (is_zombie && directory.process->pid.value >= from) next = directory.process->pid.value;
  return next;
}

Result<ProcTarget> find_thread(const ProcTarget& directory, uint64_t number) {
  if (next_thread(directory, number) != number) return Errno::kENOENT;
  ProcTarget target = directory;
  target.thread = Pid(number);
  return target;
}

// ---- What it does.

Result<RefPtr<CallTrace>> trace_calls(const ProcTarget& target) {
  Process* me = current_process();
  if (me == target.process.get()) return Errno::kEPERM;  // it would wait for itself
  bool privileged = true;
  if (me != nullptr) {
    IrqGuard guard(process_tree_lock);
    privileged = me->ids.is_superuser();
  }
  return begin_trace(*target.process, privileged);
}

Result<void> print_traced(const ProcTarget& target, ProcText& out) {
  bool is_traced;
  {
    IrqGuard guard(process_tree_lock);
    is_traced = target.process->trace && !target.process->trace->is_closed();
  }
  print(out, "{}\n", is_traced ? "traced" : "not traced");
  return {};
}

// ---- What a thread has, and then all of it again for the process.

constexpr ProcEntry kDescriptorDirectory{.name = "fd",
                                         .type = FileType::kDirectory,
                                         .permissions = 0500,
                                         .numbered = &kDescriptors,
                                         .is_private = true};

#define CAIRN_PROC_COMMON                                                                       \
  {.name = "cmdline", .print = print_command_line},                                             \
      {.name = "comm", .permissions = 0644, .print = print_name, .accept = change_name},        \
      link_to<current_directory>("cwd"),                                                        \
      {.name = "environ", .permissions = 0400, .print = print_environment, .is_private = true}, \
      link_to<program>("exe"), kDescriptorDirectory,                                            \
      {.name = "maps", .print = print_maps, .is_private = true},                                \
      {.name = "mountinfo", .print = print_mount_info, .is_printed_at_open = true},             \
      {.name = "mounts", .print = print_mounts, .is_printed_at_open = true},                    \
      link_to<root_directory>("root"), {.name = "stat", .print = print_process_stat},           \
      {.name = "statm", .print = print_statm}, {                                                \
    .name = "status", .print = print_process_status                                             \
  }

constexpr ProcEntry kThreadEntries[] = {CAIRN_PROC_COMMON};
constexpr ProcEntry kThread{
    .type = FileType::kDirectory, .permissions = 0555, .entries = kThreadEntries};
constexpr NumberedEntries kThreads{kThread, next_thread, find_thread};

constexpr ProcEntry kProcessEntries[] = {
    CAIRN_PROC_COMMON,
    {.name = "task", .type = FileType::kDirectory, .permissions = 0555, .numbered = &kThreads},
    {.name = "trace",
     .permissions = 0600,
     .print = print_traced,
     .begin = trace_calls,
     .is_private = true},
};

}  // namespace

constexpr ProcEntry kProcessEntry{
    .type = FileType::kDirectory, .permissions = 0555, .entries = kProcessEntries};

}  // namespace cairn
