// Birth of a process's threads. Their end is in exit.cc.
#include "process/user_thread.h"

#include "memory/heap.h"
#include "process/pid_table.h"

namespace cairn {

namespace {

/// Puts a thread into its process's list. ESRCH if the process ends, or becomes another program.
Result<void> join(Process& process, UserThread& thread) {
  IrqGuard guard(process_tree_lock);
  bool ends = process.exiting || process.only_thread != nullptr;
  if (ends || process.state != ProcessState::kAlive) return Errno::kESRCH;
  process.threads.push_back(thread);
  mark_traced(thread);
  if (process.stopped) thread.interrupted = true;  // as the others were
  return {};
}

bool has_threads(Process& process) {
  IrqGuard guard(process_tree_lock);
  return !process.threads.empty();
}

Result<void> set_up(UserThread& thread, Process& process, void (*function)(void*), void* argument) {
  TRY(prepare_thread(thread, process.name, function, argument));
  thread.process = &process;
  thread.page_table = &process.space->page_table();
  thread.tid = process.pid;
  if (has_threads(process)) TRY(pid_table_add_thread(thread));
  return join(process, thread);
}

/// Frees a thread in no list, set up or not.
void destroy(UserThread& thread, const Process& process) {
  bool has_number = thread.tid.value != 0 && thread.tid != process.pid;
  if (has_number) {
    IrqGuard guard(process_tree_lock);
    pid_table_remove_thread(thread);
  }
  destroy_thread(&thread);
}

}  // namespace

Result<UserThread*> add_thread(Process& process, void (*function)(void*), void* argument) {
  auto* thread = new_object<UserThread>();
  if (thread == nullptr) return Errno::kENOMEM;
  auto done = set_up(*thread, process, function, argument);
  if (done.ok()) return thread;
  destroy(*thread, process);
  return done.error();
}

void discard_thread(UserThread& thread) {
  Process& process = *thread.process;
  {
    IrqGuard guard(process_tree_lock);
    ThreadList::remove(thread);
  }
  destroy(thread, process);
}
}  // namespace cairn
