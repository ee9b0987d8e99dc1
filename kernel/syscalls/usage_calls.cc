// What processes used and what they may use: times, getrusage, and limits.
#include "address_space/user_copy.h"
#include "process/pid_table.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "syscalls/usage.h"
#include "time/clock.h"

namespace cairn {

namespace {

constexpr uint64_t kTickNs = 10'000'000;  // of clock_t: 100 a second, whatever the scheduler's are

struct Times {
  uint64_t user, kernel, user_of_children, kernel_of_children;
};

/// struct rusage. `others` is the largest resident size, faults, switches and more; none of it is counted.
struct Usage {
  TimeValue user, kernel;
  uint64_t others[14];
};

/// Reads and changes a limit of a process, `pid` 0 for the running one. ESRCH.
Result<void> exchange_limit(int64_t pid, LimitKind kind, const ResourceLimit* change,
                            ResourceLimit& old) {
  IrqGuard guard(process_tree_lock);
  Process* process = pid == 0  ? current_process()
                     : pid > 0 ? process_at(Pid(uint64_t(pid)))
                               : nullptr;
  if (process == nullptr) return Errno::kESRCH;
  ResourceLimit& limit = process->limits[kind];
  old = limit;
  if (change != nullptr) limit = *change;
  return {};
}

/// EINVAL; EPERM: more descriptors or signals than there may ever be; ENOSYS: nothing here would keep to it.
Result<void> check_limit(LimitKind kind, const ResourceLimit& limit) {
  if (limit.soft > limit.hard) return Errno::kEINVAL;
  if (kind == kLimitFiles && limit.hard > ResourceLimits::kFiles) return Errno::kEPERM;
  return is_kept(kind, limit.soft) ? Result<void>() : Errno::kENOSYS;
}

/// prlimit64() and its older forms; addresses of 0 are left out.
int64_t limit_call(int64_t pid, uint64_t kind, uint64_t change_address, uint64_t old_address) {
  ResourceLimit change, old;
  if (kind >= kLimitKinds) return failure(Errno::kEINVAL);
  if (change_address != 0) {
    auto read = copy_from_user(&change, VirtAddr(change_address), sizeof(change));
    if (!read.ok()) return failure(read.error());
    auto valid = check_limit(LimitKind(kind), change);
    if (!valid.ok()) return failure(valid.error());
  }
  auto done = exchange_limit(pid, LimitKind(kind), change_address != 0 ? &change : nullptr, old);
  if (!done.ok()) return failure(done.error());
  return old_address != 0 ? to_return(write_user(VirtAddr(old_address), old)) : 0;
}

}  // namespace

Result<void> store_usage(uint64_t address, const CpuTime& time) {
  if (address == 0) return {};
  Usage usage{to_timevalue(time.user_ns), to_timevalue(time.kernel_ns), {}};
  return write_user(VirtAddr(address), usage);
}

int64_t sys_times(TrapFrame& call) {
  Process& me = *current_process();
  CpuTime mine, of_children;
  {
    IrqGuard guard(process_tree_lock);
    mine = cpu_time_of(me);
    of_children = me.children_time;
  }
  Times times{mine.user_ns / kTickNs, mine.kernel_ns / kTickNs, of_children.user_ns / kTickNs,
              of_children.kernel_ns / kTickNs};
  if (argument0(call) != 0) {
    auto stored = write_user(VirtAddr(argument0(call)), times);
    if (!stored.ok()) return failure(stored.error());
  }
  return int64_t(monotonic_ns() / kTickNs);
}

int64_t sys_getrusage(TrapFrame& call) {
  constexpr int kSelf = 0, kChildren = -1, kThread = 1;
  auto who = int(argument0(call));
  if (who != kSelf && who != kChildren && who != kThread) return failure(Errno::kEINVAL);
  CpuTime time = my_cpu_time();
  if (who != kThread) {
    Process& me = *current_process();
    IrqGuard guard(process_tree_lock);
    time = who == kSelf ? cpu_time_of(me) : me.children_time;
  }
  if (argument1(call) == 0) return failure(Errno::kEFAULT);
  return to_return(store_usage(argument1(call), time));
}

int64_t sys_getrlimit(TrapFrame& call) {
  if (argument1(call) == 0) return failure(Errno::kEFAULT);
  return limit_call(0, uint32_t(argument0(call)), 0, argument1(call));
}
int64_t sys_setrlimit(TrapFrame& call) {
  if (argument1(call) == 0) return failure(Errno::kEFAULT);
  return limit_call(0, uint32_t(argument0(call)), argument1(call), 0);
}
int64_t sys_prlimit64(TrapFrame& call) {
  return limit_call(int64_t(int32_t(argument0(call))), uint32_t(argument1(call)), argument2(call),
                    argument3(call));
}

}  // namespace cairn
