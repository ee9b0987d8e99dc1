// Process groups and sessions; prctl.
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "process/pid_table.h"
#include "process/process_group.h"
#include "process/signal.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

int64_t pid_argument(uint64_t argument) { return int64_t(int32_t(argument)); }

/// What use(group) says of the group of a process; 0 is the caller's. ESRCH.
template <class Use>
int64_t of_group(int64_t pid, Use use) {
  IrqGuard guard(process_tree_lock);
  Process* process = pid == 0 ? current_process() : nullptr;
  if (pid > 0) {
    process = process_at(Pid(uint64_t(pid)));
    UserThread* thread = thread_at(Pid(uint64_t(pid)));
    if (process == nullptr && thread != nullptr) process = thread->process;
  }
  bool found = process != nullptr && process->group != nullptr;
  return found ? int64_t(use(*process->group).value) : failure(Errno::kESRCH);
}

// Source: Linux, include/uapi/linux/prctl.h.
enum Operation : uint32_t {
  kSetParentDeathSignal = 1,
  kGetParentDeathSignal = 2,
  kSetName = 15,
  kGetName = 16,
  kSetSubreaper = 36,
  kGetSubreaper = 37,
};
constexpr uint64_t kNameSize = 16;  // bytes, with the NUL

int64_t set_name(uint64_t address) {
  char name[kNameSize] = {};
  auto length = copy_string_from_user({name, kNameSize - 1}, VirtAddr(address));
  if (!length.ok() && length.error() != Errno::kENAMETOOLONG) return failure(length.error());
  // Readers see a NUL where the new name ends before they see more of it.
  char(&shown)[32] = current_process()->name;
  memcpy(shown, name, kNameSize);
  return 0;
}

int64_t get_name(uint64_t address) {
  char name[kNameSize] = {};
  memcpy(name, current_process()->name, kNameSize - 1);
  return to_return(copy_to_user(VirtAddr(address), name, kNameSize));
}

int64_t set_parent_death_signal(uint64_t signal) {
  if (signal > kMaxSignal) return failure(Errno::kEINVAL);
  IrqGuard guard(process_tree_lock);
  current_process()->parent_death_signal = uint8_t(signal);
  return 0;
}

int64_t set_subreaper(bool is_one) {
  IrqGuard guard(process_tree_lock);
  current_process()->is_subreaper = is_one;
  return 0;
}

/// What prctl() stores for its caller: one int.
template <class Read>
int64_t store_int(uint64_t address, Read read) {
  int value;
  {
    IrqGuard guard(process_tree_lock);
    value = int(read(*current_process()));
  }
  return to_return(write_user(VirtAddr(address), value));
}

}  // namespace

int64_t sys_setpgid(TrapFrame& call) {
  return to_return(set_process_group(pid_argument(argument0(call)), pid_argument(argument1(call))));
}
int64_t sys_getpgid(TrapFrame& call) {
  return of_group(pid_argument(argument0(call)), [](ProcessGroup& group) { return group.id; });
}
int64_t sys_getpgrp(TrapFrame&) {
  return of_group(0, [](ProcessGroup& group) { return group.id; });
}
int64_t sys_getsid(TrapFrame& call) {
  return of_group(pid_argument(argument0(call)),
                  [](ProcessGroup& group) { return group.session->id; });
}
int64_t sys_setsid(TrapFrame&) {
  Process& me = *current_process();
  auto started = start_session(me);
  return started.ok() ? int64_t(me.pid.value) : failure(started.error());
}

int64_t sys_prctl(TrapFrame& call) {
  uint64_t argument = argument1(call);
  switch (uint32_t(argument0(call))) {
    case kSetParentDeathSignal: return set_parent_death_signal(argument);
    case kGetParentDeathSignal:
      return store_int(
          argument, [](Process& me) REQUIRES(process_tree_lock) { return me.parent_death_signal; });
    case kSetName: return set_name(argument);
    case kGetName: return get_name(argument);
    case kSetSubreaper: return set_subreaper(argument != 0);
    case kGetSubreaper:
      return store_int(argument,
                       [](Process& me) REQUIRES(process_tree_lock) { return me.is_subreaper; });
    default: return failure(Errno::kEINVAL);
  }
}

}  // namespace cairn
