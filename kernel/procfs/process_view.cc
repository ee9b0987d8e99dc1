#include "procfs/process_view.h"

#include <algorithm>

#include "lib/string.h"
#include "process/pid_table.h"
#include "process/process_group.h"

namespace cairn {

namespace {

/// The thread that the target is about; null: none is left.
UserThread* thread_of(const ProcTarget& target) REQUIRES(process_tree_lock) {
  if (target.thread.value == 0) return target.process->threads.front();
  UserThread* thread = thread_at(target.thread);
  return thread != nullptr && thread->process == target.process.get() ? thread : nullptr;
}

char state_of(const Process& process, const UserThread& thread) {
  ThreadState state = without_cpu(thread.state.load());
  if (state == ThreadState::kRunning || state == ThreadState::kReady) return 'R';
  if (process.stopped) return 'T';
  return thread.hears_signals.load() ? 'S' : 'D';
}

void look_at_thread(ProcessView& view, const UserThread& thread) REQUIRES(process_tree_lock) {
  view.state = state_of(*thread.process, thread);
  view.pending = thread.pending.set();
  view.blocked = thread.blocked_signals.load();
  view.cpu = unsigned(thread.last_cpu.value);
  view.nice = thread.nice.load();
}

void look_at_group(ProcessView& view, Process& process) REQUIRES(process_tree_lock) {
  if (process.group == nullptr) return;
  view.group = process.group->id;
  view.session = process.group->session->id;
  ControllingTerminal* terminal = process.group->session->terminal;
  if (terminal == nullptr || process.gave_up_terminal) return;
  view.terminal = terminal->number();
  Pid foreground = terminal->foreground_group();
  if (foreground.value != 0) view.foreground = int64_t(foreground.value);
}

}  // namespace

Result<ProcessView> view_of(const ProcTarget& target) {
  Process& process = *target.process;
  ProcessView view;
  IrqGuard guard(process_tree_lock);
  UserThread* thread = thread_of(target);
  bool is_gone = process.state == ProcessState::kReaped ||
                 (thread == nullptr && target.thread.value != 0 && target.thread != process.pid);
  if (is_gone) return Errno::kESRCH;
  view.process = process.pid;
  view.id = target.thread.value != 0 ? target.thread : process.pid;
  if (process.pid != kInitPid) view.parent = kKernelPid;  // as getppid() has it
  if (process.parent != nullptr) view.parent = process.parent->pid;
  std::string_view(process.name).copy(view.name, sizeof(view.name) - 1);
  view.ids = process.ids;
  for (const UserThread& each : process.threads) {
    (void)each;
    view.threads++;
  }
  view.threads += process.threads.empty();  // a zombie's first is what is left of it
  view.use = use_of(process);
  view.children_use = process.children_use;
  view.started_ns = process.started_ns;
  view.shared_pending = process.pending.set();
  view.ignored = process.ignored_signals.load();
  view.caught = process.caught_signals.load();
  view.signal_limit = process.limits[kLimitSignals].soft;
  if (process.state == ProcessState::kZombie) view.exit_status = process.wait_status;
  if (process.state == ProcessState::kAlive) view.state = 'R';  // unless a thread says otherwise
  look_at_group(view, process);
  if (thread != nullptr) look_at_thread(view, *thread);
  return view;
}

const char* state_name(char state) {
  switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "disk sleep";
    case 'T': return "stopped";
    default: return "zombie";
  }
}

MemoryView memory_of(Process& process) {
  MemoryView view;
  RefPtr<AddressSpace> space = address_space_of(process);
  if (!space) return view;
  RefPtr<ObjectKeeper> program = space->program_keeper();
  space->for_each_region([&view, &program](const Region& region) {
    uint64_t size = region.range.end - region.range.start;
    view.size += size;
    bool is_code =
        region.access.execute && !region.access.write && region.kind == RegionKind::kProgram;
    bool is_program = region.keeper.get() == program.get();
    if (is_code && is_program && view.text_start == 0) view.text_start = region.range.start.value;
    if (is_code && is_program) view.text_end = region.range.end.value;
    if (region.kind == RegionKind::kStack) {
      view.stack += size;
      view.stack_start = region.range.end.value;
    } else if (region.access.write && !region.shared) {
      view.data += size;
    } else if (is_code) {
      (is_program ? view.text : view.library) += size;
    }
  });
  AddressSpace::Usage usage = space->usage();
  view.resident = (usage.pages - usage.zero_pages) * kPageSize;
  view.resident_file = usage.file_pages * kPageSize;
  view.tables = usage.tables * kPageSize;
  return view;
}

}  // namespace cairn
