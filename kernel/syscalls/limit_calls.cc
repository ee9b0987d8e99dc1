// What processes may use: getrlimit, setrlimit, prlimit64. Errors come in Linux's order.
// Source: Linux, getrlimit(2), kernel/sys.c.
#include "address_space/user_copy.h"
#include "process/pid_table.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

/// Whether the running process may see and set another one's limits: all ids of both are the same, or it is root.
bool may_limit(const Process& process) REQUIRES(process_tree_lock) {
  const ProcessIds &me = current_process()->ids, &its = process.ids;
  auto only = [](const IdSet& ids, uint32_t id) {
    return ids.real == id && ids.effective == id && ids.saved == id;
  };
  return &process == current_process() || me.is_superuser() ||
         (only(its.user, me.user.real) && only(its.group, me.group.real));
}

/// ESRCH, EPERM. `pid` 0 is the running process.
Result<Process*> limited_process(int64_t pid) REQUIRES(process_tree_lock) {
  if (pid == 0) return current_process();
  Process* process = pid > 0 ? process_at(Pid(uint64_t(pid))) : nullptr;
  UserThread* thread = pid > 0 ? thread_at(Pid(uint64_t(pid))) : nullptr;
  if (process == nullptr && thread != nullptr) process = thread->process;
  if (process == nullptr) return Errno::kESRCH;
  if (!may_limit(*process)) return Errno::kEPERM;
  return process;
}

/// EINVAL; EPERM: more descriptors than there may ever be, or a higher limit than others may give themselves.
Result<void> check_change(LimitKind kind, const ResourceLimit& old, const ResourceLimit& change) {
  if (change.soft > change.hard) return Errno::kEINVAL;
  if (kind == kLimitFiles && change.hard > ResourceLimits::kFiles) return Errno::kEPERM;
  bool raises = change.hard > old.hard;
  return raises && !current_process()->ids.is_superuser() ? Errno::kEPERM : Errno::kOk;
}

/// Reads a limit, and changes it if there is a change.
Result<void> exchange(int64_t pid, uint64_t kind, const ResourceLimit* change, ResourceLimit& old) {
  IrqGuard guard(process_tree_lock);
  Process* process = TRY(limited_process(pid));
  if (kind >= kLimitKinds) return Errno::kEINVAL;
  ResourceLimit& limit = process->limits[unsigned(kind)];
  old = limit;
  if (change == nullptr) return {};
  TRY(check_change(LimitKind(kind), old, *change));
  limit.hard = change->hard;
  __atomic_store_n(&limit.soft, change->soft, __ATOMIC_RELAXED);  // my_limit() reads it
  return {};
}

/// Addresses of 0 are left out.
Result<void> limit_call(int64_t pid, uint64_t kind, uint64_t change_address, uint64_t old_address) {
  ResourceLimit change, old;
  if (change_address != 0) change = TRY(read_user<ResourceLimit>(VirtAddr(change_address)));
  TRY(exchange(pid, kind, change_address != 0 ? &change : nullptr, old));
  return old_address != 0 ? write_user(VirtAddr(old_address), old) : Result<void>();
}

}  // namespace

int64_t sys_getrlimit(TrapFrame& call) {
  uint64_t kind = uint32_t(argument0(call)), address = argument1(call);
  if (kind >= kLimitKinds) return failure(Errno::kEINVAL);
  if (address == 0) return failure(Errno::kEFAULT);
  return to_return(limit_call(0, kind, 0, address));
}
int64_t sys_setrlimit(TrapFrame& call) {
  if (argument1(call) == 0) return failure(Errno::kEFAULT);
  return to_return(limit_call(0, uint32_t(argument0(call)), argument1(call), 0));
}
int64_t sys_prlimit64(TrapFrame& call) {
  return to_return(limit_call(int64_t(int32_t(argument0(call))), uint32_t(argument1(call)),
                              argument2(call), argument3(call)));
}

}  // namespace cairn
