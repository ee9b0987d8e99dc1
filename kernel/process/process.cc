// Birth of processes. Their end is in exit.cc.
#include "process/process.h"

#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "debug/log.h"
#include "debug/trace.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "process/pid_table.h"
#include "process/program.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "vfs/process_files.h"

namespace cairn {

CAIRN_COUNTER(fork_count, "process.forks");
CAIRN_COUNTER(process_start_count, "process.started");

AddressSpace* current_address_space() {
  Process* process = current_process();
  return process != nullptr ? process->space.get() : nullptr;
}

namespace {

/// What a new thread of a process finds at the top of its kernel stack.
TrapFrame* first_frame(const Thread& thread) {
  return reinterpret_cast<TrapFrame*>(thread.stack_top.value - sizeof(TrapFrame));
}

/// A process with a pid but without memory, and a thread that will run function(process).
Result<RefPtr<Process>> create_process(const char* name, void (*function)(void*)) {
  auto* raw = new_object<Process>();
  if (raw == nullptr) return Errno::kENOMEM;
  auto process = RefPtr<Process>::adopt(raw);
  BufferWriter(process->name).write(name);
  Thread* thread = TRY(create_thread(process->name, function, raw));
  thread->process = raw;
  auto added = pid_table_add(*process);
  if (!added.ok()) {
    destroy_thread(thread);
    return added.error();
  }
  IrqGuard guard(process_tree_lock);
  process->thread = thread;
  return process;
}

/// Undoes create_process() for a process that never ran.
void discard_process(Process& process) {
  Thread* thread;
  {
    IrqGuard guard(process_tree_lock);
    thread = std::exchange(process.thread, nullptr);
    process.state = ProcessState::kReaped;
  }
  destroy_thread(thread);
  destroy_process_files(std::exchange(process.files, nullptr));
  pid_table_remove(process);
}

struct StartRequest {
  char command_line[256];
};

/// The start-up contract of flat programs: RDI points to the command line, at the stack's top.
Result<void> enter_program(Process& process, const char* command_line) {
  LoadedProgram program = TRY(load_program(*process.space, process.name));
  uint64_t length = strlen(command_line) + 1;
  VirtAddr text(align_down(kUserStackTop.value - length, 16));
  TRY(copy_to_user(text, command_line, length));
  disable_interrupts();
  TrapFrame* frame = first_frame(*current_thread());
  *frame = {};
  frame->rip = program.entry.value;
  frame->rdi = text.value;
  frame->rsp = text.value - 16;
  frame->cs = kUserCodeSelector;
  frame->ss = kUserDataSelector;
  frame->rflags = kRflagsInterrupt | kRflagsReserved;
  process.entered = true;
  process.exited.wake_all();
  prepare_return_to_user(*frame);
  return_to_user(frame);
}

/// First code of a process that the kernel started, in the kernel, on its own memory.
void begin_program(void* argument) {
  auto* process = static_cast<Process*>(argument);
  auto* request = static_cast<StartRequest*>(process->start_request);
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

/// First code of a forked child: its frame is complete.
void begin_child(void* argument) {
  auto* process = static_cast<Process*>(argument);
  if (process->child_tid.value != 0) {
    // Failing is the caller's loss, as on Linux.
    (void)write_user(process->child_tid, uint32_t(process->pid.value));
  }
  disable_interrupts();
  TrapFrame* frame = first_frame(*current_thread());
  prepare_return_to_user(*frame);
  return_to_user(frame);
}

void adopt_address_space(Process& process, RefPtr<AddressSpace> space) NO_THREAD_SAFETY_ANALYSIS {
  process.thread->page_table = &space->page_table();  // not running yet: nobody else looks
  process.space = std::move(space);
}

}  // namespace

Result<RefPtr<Process>> start_process(const char* name, const char* command_line, bool auto_reap) {
  RefPtr<AddressSpace> space = TRY(AddressSpace::create());
  auto* request = new_object<StartRequest>();
  if (request == nullptr) return Errno::kENOMEM;
  BufferWriter(request->command_line).write(command_line);
  auto process = create_process(name, begin_program);
  if (!process.ok()) {
    heap_free(request);
    return process.error();
  }
  Process& fresh = **process;
  auto files = create_process_files();
  if (!files.ok()) {
    heap_free(request);
    discard_process(fresh);
    return files.error();
  }
  fresh.files = *files;
  fresh.start_request = request;
  Thread* thread;
  {
    IrqGuard guard(process_tree_lock);
    fresh.auto_reap = auto_reap;
    thread = fresh.thread;
  }
  adopt_address_space(fresh, std::move(space));
  process_start_count.increment();
  make_ready(*thread);
  fresh.exited.wait_until([&fresh] {
    IrqGuard guard(process_tree_lock);
    return fresh.entered || fresh.state != ProcessState::kAlive;
  });
  return process.take();
}

Result<Pid> fork_process(const TrapFrame& frame, const ForkRequest& request) {
  Process& parent = *current_process();
  RefPtr<AddressSpace> space = TRY(parent.space->fork());
  RefPtr<Process> child = TRY(create_process(parent.name, begin_child));
  auto files = copy_process_files(parent.files);
  if (!files.ok()) {
    discard_process(*child);
    return files.error();
  }
  child->files = *files;
  if (request.parent_tid.value != 0) {
    auto stored = write_user(request.parent_tid, uint32_t(child->pid.value));
    if (!stored.ok()) {
      discard_process(*child);
      return stored.error();
    }
  }
  adopt_address_space(*child, std::move(space));
  if (request.set_child_tid) child->child_tid = request.child_tid;
  if (request.clear_child_tid) child->clear_child_tid = request.child_tid;
  child->blocked_signals = parent.blocked_signals.load();
  child->ignored_signals = parent.ignored_signals.load();

  Pid pid = child->pid;
  Thread* thread;
  {
    IrqGuard guard(process_tree_lock);
    thread = child->thread;
    child->parent = &parent;
    child->vfork_done = !request.wait_for_child;
    parent.children.push_back(*child);
  }
  TrapFrame* child_frame = first_frame(*thread);
  *child_frame = frame;
  child_frame->rax = 0;
  {
    // The FPU belongs to whoever runs: save ours into the child's.
    InterruptsOff off;
    thread->fpu.save();
    thread->fs_base = read_msr(msr::kFsBase);
  }
  fork_count.increment();
  trace(TraceEvent::kFork, parent.pid.value, pid.value);
  make_ready(*thread);
  if (request.wait_for_child) {
    parent.child_events.wait_until([&child] {
      IrqGuard guard(process_tree_lock);
      return child->vfork_done;
    });
  }
  return pid;
}

RefPtr<AddressSpace> address_space_of(Process& process) {
  IrqGuard guard(process_tree_lock);
  return process.space;
}

const char* process_state_name(Process& process) {
  IrqGuard guard(process_tree_lock);
  if (process.state != ProcessState::kAlive || process.thread == nullptr) return "zombie";
  if (process.stopped) return "stopped";
  switch (without_cpu(process.thread->state.load())) {
    case ThreadState::kReady: return "ready";
    case ThreadState::kRunning: return "running";
    case ThreadState::kBlocked: return "blocked";
    case ThreadState::kDead:
    case ThreadState::kOnCpu: return "zombie";
  }
  return "?";
}

const char* process_wait_name(Process& process) {
  IrqGuard guard(process_tree_lock);
  Thread* thread = process.thread;
  bool blocked = thread != nullptr && without_cpu(thread->state.load()) == ThreadState::kBlocked;
  return blocked ? thread->waiting_for.load() : "-";
}

}  // namespace cairn
