#include "sched/thread.h"

#include "arch/trap_frame.h"
#include "debug/unfinished.h"
#include "memory/heap.h"
#include "memory/kernel_stack.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

extern "C" char thread_trampoline[];  // arch/trap.S

namespace {

/// What switch_stacks() pops on a thread's first switch, lowest address first.
struct FirstFrame {
  uint64_t r15, r14, r13, r12, rbx, rbp;
  uint64_t return_address;
};

}  // namespace

Result<void> prepare_thread(Thread& thread, const char* name, void (*function)(void*),
                            void* argument) {
  VirtAddr top = TRY(allocate_kernel_stack());
  thread.name = name;
  thread.stack_top = top;
  // Above it stays room for the TrapFrame of a process's first return to user mode, and the
  // trampoline's calls find the stack aligned.
  auto* frame = reinterpret_cast<FirstFrame*>(top.value - sizeof(TrapFrame) - sizeof(FirstFrame));
  *frame = {};
  frame->rbx = reinterpret_cast<uint64_t>(function);
  frame->r12 = reinterpret_cast<uint64_t>(argument);
  frame->return_address = reinterpret_cast<uint64_t>(thread_trampoline);
  thread.saved_rsp = reinterpret_cast<uint64_t>(frame);
  return {};
}

Result<Thread*> create_thread(const char* name, void (*function)(void*), void* argument) {
  auto* thread = new_object<Thread>();
  if (thread == nullptr) return Errno::kENOMEM;
  auto prepared = prepare_thread(*thread, name, function, argument);
  if (prepared.ok()) return thread;
  delete thread;
  return prepared.error();
}

void destroy_thread(Thread* thread) {
  if (thread->stack_top.value != 0) free_kernel_stack(thread->stack_top);
  delete thread;
}

const char* note_unfinished_item(const char* item) {
  Thread* thread = current_thread();
  if (thread == nullptr) return nullptr;  // early at boot
  const char* before = thread->unfinished_item.exchange(item);
  if (item != nullptr && thread->process != nullptr) thread->interrupted = true;
  return before;
}

void exit_thread() {
  disable_interrupts();
  current_thread()->state.die();
  schedule();
  panic("a dead thread was scheduled");
}

}  // namespace cairn
