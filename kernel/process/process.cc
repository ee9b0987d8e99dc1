// Birth of processes. Their end is in exit.cc.
#include "process/process.h"

#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "debug/log.h"
#include "debug/trace.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "process/pid_table.h"
#include "process/process_group.h"
#include "process/program.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "time/clock.h"
#include "vfs/process_files.h"

namespace cairn {

CAIRN_COUNTER(fork_count, "process.forks");
CAIRN_COUNTER(process_start_count, "process.started");

AddressSpace* current_address_space() {
  Process* process = current_process();
  return process != nullptr ? process->space.get() : nullptr;
}

namespace {

struct StartRequest {
  char command_line[kMaxCommandLine];
};

/// To user mode, if the program can be started.
Result<void> enter_program(Process& process, std::string_view command_line) {
  TrapFrame started{};
  TRY(start_program(started, command_line));
  disable_interrupts();
  TrapFrame* frame = first_frame(*current_thread());
  *frame = started;
  process.entered = true;
  process.exited.wake_all();
  prepare_return_to_user(*frame);
  return_to_user(frame);
}

/// First code of a process that the kernel started, in the kernel, on its own memory.
void begin_program(void* argument) {
  Process* process = current_process();
  auto* request = static_cast<StartRequest*>(argument);
  char command_line[sizeof(request->command_line)];
  BufferWriter(command_line).write(request->command_line);
  heap_free(request);
  auto failed = enter_program(*process, command_line);
  if (failed.error() == Errno::kENOEXEC) {
    log_error("process", "{}: its image is damaged (rebuild it: make programs)", process->name);
  } else {
    log_error("process", "{}: cannot start: {}", process->name, errno_name(failed.error()));
  }
  exit_process(exit_status(127));
}

/// A process with a pid that owns what it is given, or destroys it.
Result<RefPtr<Process>> assemble(const char* name, RefPtr<AddressSpace> space, ProcessFiles* files,
                                 Pid wanted = {}) {
  auto* raw = new_object<Process>();
  auto process = RefPtr<Process>::adopt(raw);
  auto added = raw == nullptr ? Result<void>(Errno::kENOMEM) : pid_table_add(*process, wanted);
  if (!added.ok()) {
    release_process_files(files);
    return added.error();
  }
  BufferWriter(process->name).write(name);
  IrqGuard guard(process_tree_lock);
  process->space = std::move(space);
  process->files = files;
  process->started_ns = monotonic_ns();
  return process;
}

/// The running process's child, with a thread that isn't ready yet.
Result<RefPtr<Process>> try_to_make_child(Process& parent, const CloneRequest& request) {
  RefPtr<AddressSpace> space = request.share_memory ? parent.space : TRY(parent.space->fork());
  ProcessFiles* files = TRY(copy_process_files(parent.files));
  RefPtr<Process> child = TRY(assemble(parent.name, std::move(space), files));
  {
    IrqGuard guard(process_tree_lock);
    child->ids = parent.ids;
    child->is_private = parent.is_private;
    child->has_private_barriers = parent.has_private_barriers.load();
  }
  auto thread = clone_thread(*child);
  if (thread.ok()) return child;
  discard_process(*child);
  return thread.error();
}

/// Makes it the parent's child, in his group. False if a signal for him waits, perhaps his whole group's: he acts on
/// it first and forks then. Of those that he blocks the child gets what is his group's.
bool join_family(Process& child, Process& parent, const CloneRequest& request) {
  UserThread& me = current_user_thread();
  IrqGuard guard(process_tree_lock);
  bool joins = deliverable(me) == 0;
  end_fork(me, joins ? &child : nullptr);
  if (!joins) return false;
  child.limits = parent.limits;
  child.parent = &parent;
  child.vfork_done = !request.wait_for_child;
  parent.children.push_back(child);
  join_group(child, *parent.group);
  child.gave_up_terminal = parent.gave_up_terminal;
  inherit_trace(child, parent);
  return true;
}

UserThread& only_thread(Process& process) {
  IrqGuard guard(process_tree_lock);
  return *process.threads.front();
}

}  // namespace

Result<RefPtr<Process>> create_process(const char* name, Pid wanted) {
  RefPtr<AddressSpace> space = TRY(AddressSpace::create());
  RefPtr<Process> process =
      TRY(assemble(name, std::move(space), TRY(create_process_files()), wanted));
  auto started = start_session(*process);
  if (started.ok()) return process;
  discard_process(*process);
  return started.error();
}

void discard_process(Process& process) {
  {
    IrqGuard guard(process_tree_lock);
    ASSERT(process.threads.empty());
    process.state = ProcessState::kReaped;
  }
  release_process_files(take_files(process));
  pid_table_remove(process);
}

Result<RefPtr<Process>> start_process(const char* name, const char* command_line, bool auto_reap,
                                      Pid wanted, RefPtr<CallTrace>* trace) {
  RefPtr<Process> process = TRY(create_process(name, wanted));
  if (trace != nullptr) {
    auto begun = begin_trace(*process, true);
    if (!begun.ok()) {
      discard_process(*process);
      return begun.error();
    }
    *trace = begun.take();
  }
  auto* request = new_object<StartRequest>();
  auto thread = request != nullptr ? add_thread(*process, begin_program, request)
                                   : Result<UserThread*>(Errno::kENOMEM);
  if (!thread.ok()) {
    heap_free(request);
    discard_process(*process);
    return thread.error();
  }
  BufferWriter(request->command_line).write(command_line);
  {
    IrqGuard guard(process_tree_lock);
    process->auto_reap = auto_reap;
  }
  process_start_count.increment();
  make_ready(**thread);
  process->exited.wait_until([&process] {
    IrqGuard guard(process_tree_lock);
    return process->entered || process->state != ProcessState::kAlive;
  });
  return process;
}

Result<Pid> fork_process(const TrapFrame& frame, const CloneRequest& request) {
  Process& parent = *current_process();
  {
    IrqGuard guard(process_tree_lock);
    TRY(check_process_limit(parent));
  }
  begin_fork(current_user_thread());
  auto made = with_reclaimed_memory([&] { return try_to_make_child(parent, request); });
  if (!made.ok()) {
    IrqGuard guard(process_tree_lock);
    end_fork(current_user_thread(), nullptr);
    return made.error();
  }
  RefPtr<Process> child = made.take();
  UserThread& thread = only_thread(*child);
  begin_as_clone(thread, frame, request);
  inherit_signal_actions(*child, parent);
  Pid pid = child->pid;
  if (!join_family(*child, parent, request)) {
    discard_thread(thread);
    discard_process(*child);
    return Errno::kEINTR;
  }
  fork_count.increment();
  trace(TraceEvent::kFork, parent.pid.value, pid.value);
  make_ready(thread);
  if (request.wait_for_child) {
    UserThread& me = current_user_thread();
    parent.child_events.wait_until([&child, &me] {
      IrqGuard guard(process_tree_lock);
      return child->vfork_done || will_end(me);
    });
  }
  return pid;
}

ProcessFiles* take_files(Process& process) {
  ProcessFiles* files;
  {
    IrqGuard guard(process_tree_lock);
    files = std::exchange(process.files, nullptr);
    if (process.lookers_at_files == 0) return files;
  }
  process.exited.wait_until([&process] {
    IrqGuard guard(process_tree_lock);
    return process.lookers_at_files == 0;
  });
  return files;
}

RefPtr<AddressSpace> address_space_of(Process& process) {
  IrqGuard guard(process_tree_lock);
  return process.space;
}

const char* process_state_name(Process& process) {
  IrqGuard guard(process_tree_lock);
  if (process.state != ProcessState::kAlive || process.threads.empty()) return "zombie";
  if (process.stopped) return "stopped";
  uint8_t states = 0;
  for (UserThread& thread : process.threads) states |= uint8_t(thread.state.load());
  if (states & uint8_t(ThreadState::kRunning)) return "running";
  return states & uint8_t(ThreadState::kReady) ? "ready" : "blocked";
}

const char* process_wait_name(Process& process) {
  IrqGuard guard(process_tree_lock);
  UserThread* thread = process.threads.front();
  bool blocked = thread != nullptr && without_cpu(thread->state.load()) == ThreadState::kBlocked;
  return blocked ? thread->waiting_for.load() : "-";
}

}  // namespace cairn
