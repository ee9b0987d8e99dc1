#include "process/new_program.h"

#include "address_space/user_copy.h"
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
    return process.threads.holds_only(me);
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
  note_end_in_memory();
  {
    IrqGuard guard(process_tree_lock);
    std::swap(current_process()->space, space);
    current_thread()->page_table = &current_process()->space->page_table();
    current_thread()->page_table->activate();
    current_process()->is_private = true;
  }
  // The old one goes here, with no lock held, if nobody looks at it.
}

void change_ids(const ProcessIds& ids) {
  IrqGuard guard(process_tree_lock);
  Process& me = *current_process();
  bool may_other_things =
      ids.user.effective != me.ids.user.effective || ids.group.effective != me.ids.group.effective;
  me.ids = ids;
  if (!may_other_things) return;
  me.is_private = true;
  end_foreign_trace(me);
}

namespace {

constexpr uint64_t kLongestString = 128 * 1024;  // bytes, as exec has it

/// Where the strings end of which a null-terminated array of pointers is at `array`, which goes on behind it;
/// `start` if there are none.
Result<VirtAddr> end_of_strings(VirtAddr& array, VirtAddr start) {
  VirtAddr last{};
  while (true) {
    auto string = TRY(read_user<VirtAddr>(array));
    array += sizeof(VirtAddr);
    if (string.value == 0) break;
    last = string;
  }
  if (last.value == 0) return start;
  return last + TRY(string_size_from_user(last, kLongestString));
}

/// Source: System V ABI, AMD64 supplement, "Initial Stack and Register State".
Result<ProgramStrings> strings_at(VirtAddr stack_pointer) {
  VirtAddr array = stack_pointer + sizeof(uint64_t);
  auto first = TRY(read_user<VirtAddr>(array));
  VirtAddr middle = TRY(end_of_strings(array, first));
  VirtAddr end = TRY(end_of_strings(array, middle));
  return ProgramStrings{{first, middle}, {middle, end}};
}

}  // namespace

void begin_anew(std::string_view name, VirtAddr stack_pointer) {
  UserThread& me = current_user_thread();
  Process& process = *me.process;
  auto strings = strings_at(stack_pointer);
  process.space->note_program(strings.ok() ? *strings : ProgramStrings());
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
    process.has_private_barriers = false;
    process.is_private = process.ids.user.effective != process.ids.user.real ||
                         process.ids.group.effective != process.ids.group.real;
    end_foreign_trace(process);
    process.vfork_done = true;
    parent = RefPtr<Process>::share(process.parent);
  }
  if (parent) parent->child_events.wake_all();
}

}  // namespace cairn
