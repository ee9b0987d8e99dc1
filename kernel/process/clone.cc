// Threads that begin as copies of others: what fork's child and clone's thread have in common, and the latter.
#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "memory/frame_allocator.h"
#include "metrics/counter.h"
#include "process/process.h"
#include "process/signal.h"
#include "sched/scheduler.h"

namespace cairn {

CAIRN_COUNTER(thread_count, "process.threads");

namespace {

/// Its first code: its frame is complete.
void begin_child(void*) {
  UserThread& thread = current_user_thread();
  if (thread.set_child_tid.value != 0) {
    // Failing is the caller's loss, as on Linux.
    (void)write_user(thread.set_child_tid, uint32_t(thread.tid.value));
  }
  disable_interrupts();
  TrapFrame* frame = first_frame(thread);
  prepare_return_to_user(*frame);
  return_to_user(frame);
}

}  // namespace

Result<UserThread*> clone_thread(Process& process) {
  return add_thread(process, begin_child, nullptr);
}

void begin_as_clone(UserThread& thread, const TrapFrame& frame, const CloneRequest& request) {
  UserThread& me = current_user_thread();
  if (request.set_child_tid) thread.set_child_tid = request.child_tid;
  if (request.clear_child_tid) thread.clear_child_tid = request.child_tid;
  if (request.parent_tid.value != 0) {
    // As above.
    (void)write_user(request.parent_tid, uint32_t(thread.tid.value));
  }
  thread.blocked_signals = me.blocked_signals.load();
  thread.allowed_cpus = me.allowed_cpus.load();
  thread.nice = me.nice.load();
  // Two can't have their handlers on one stack; but who waits has no need of his.
  bool shares_stack = thread.process->space.get() == me.process->space.get();
  if (!shares_stack || request.wait_for_child) thread.alternate_stack = me.alternate_stack;
  *first_frame(thread) = frame;
  first_frame(thread)->rax = 0;
  // The FPU belongs to whoever runs: save ours into the new one's.
  InterruptsOff off;
  thread.fpu.save();
  thread.fs_base = request.set_tls ? request.tls : read_msr(msr::kFsBase);
}

Result<Pid> start_thread(const TrapFrame& frame, const CloneRequest& request) {
  Process& process = *current_process();
  {
    IrqGuard guard(process_tree_lock);
    TRY(check_process_limit(process));
  }
  auto made = with_reclaimed_memory([&process] { return clone_thread(process); });
  // A process that ends takes none any more: nor will the caller come back to user mode.
  if (!made.ok()) return made.error() == Errno::kESRCH ? Errno::kEAGAIN : made.error();
  UserThread& thread = **made;
  begin_as_clone(thread, frame, request);
  Pid tid = thread.tid;
  thread_count.increment();
  make_ready(thread);
  return tid;
}

}  // namespace cairn
