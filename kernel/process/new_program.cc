#include "process/new_program.h"

#include "arch/cpu.h"
#include "lib/string.h"
#include "process/pid_table.h"
#include "process/signal.h"
#include "sched/scheduler.h"

namespace cairn {

Result<void> become_only_thread() {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  {
    IrqGuard guard(process_tree_lock);
    if (process.exiting || process.only_thread != nullptr) return Errno::kEAGAIN;
    process.only_thread = &me;
    for (UserThread& thread : process.threads) {
      if (&thread != &me) interrupt_thread(thread);
    }
  }
  process.continued.wake_all();  // those that are stopped
  process.exited.wait_until([&process, &me] {
    IrqGuard guard(process_tree_lock);
    for (UserThread& thread : process.threads) {
      if (&thread != &me) return false;
    }
    return true;
  });
  IrqGuard guard(process_tree_lock);
  if (me.tid != process.pid) {
    pid_table_remove_thread(me);
    me.tid = process.pid;
  }
  process.only_thread = nullptr;
  return {};
}

void change_address_space(RefPtr<AddressSpace> space) {
  {
    IrqGuard guard(process_tree_lock);
    std::swap(current_process()->space, space);
    current_thread()->page_table = &current_process()->space->page_table();
    current_thread()->page_table->activate();
  }
  // The old one goes here, with no lock held, if nobody looks at it.
}

void change_ids(const ProcessIds& ids) {
  IrqGuard guard(process_tree_lock);
  current_process()->ids = ids;
}

void begin_anew(std::string_view name) {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  reset_signals_for_exec();
  me.set_child_tid = me.clear_child_tid = VirtAddr(0);
  {
    InterruptsOff off;
    me.fs_base = 0;
    write_msr(msr::kFsBase, 0);
    me.fpu = FpuState();
    me.fpu.restore();
  }
  RefPtr<Process> parent;
  {
    IrqGuard guard(process_tree_lock);
    BufferWriter(process.name).write(name);
    process.has_execed = true;
    process.vfork_done = true;
    parent = RefPtr<Process>::share(process.parent);
  }
  if (parent) parent->child_events.wake_all();
}

}  // namespace cairn
