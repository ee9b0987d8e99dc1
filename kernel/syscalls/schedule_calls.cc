// On which processors threads run, how nice they are, and barriers between those of a process.
// Source: Linux, sched_setaffinity(2), setpriority(2), membarrier(2), include/uapi/linux/membarrier.h.
#include <algorithm>
#include <atomic>

#include "address_space/user_copy.h"
#include "arch/percpu.h"
#include "interrupts/ipi.h"
#include "process/pid_table.h"
#include "process/process_group.h"
#include "sched/scheduler.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

CpuSet processors() {
  CpuSet all;
  for (Cpu* cpu : all_cpus()) all = all.with(cpu->id);
  return all;
}

/// The thread with that tid, the running one for 0. ESRCH.
Result<UserThread*> thread_of(uint64_t argument) REQUIRES(process_tree_lock) {
  auto tid = int32_t(argument);
  if (tid == 0) return &current_user_thread();
  UserThread* thread = tid > 0 ? thread_at(Pid(uint64_t(tid))) : nullptr;
  if (thread == nullptr) return Errno::kESRCH;
  return thread;
}

/// Whether the running process may say where another's threads run, and how nice they are.
bool may_place(const Process& target) REQUIRES(process_tree_lock) {
  const ProcessIds& me = current_process()->ids;
  const uint32_t user = me.user.effective;
  return me.is_superuser() || user == target.ids.user.effective || user == target.ids.user.real;
}

Result<CpuSet> allowed_cpus_of(uint64_t tid) {
  IrqGuard guard(process_tree_lock);
  UserThread* thread = TRY(thread_of(tid));
  return CpuSet{thread->allowed_cpus.load().bits & processors().bits};
}

Result<void> allow_cpus(uint64_t tid, CpuSet wanted) {
  IrqGuard guard(process_tree_lock);
  UserThread* thread = TRY(thread_of(tid));
  if (!may_place(*thread->process)) return Errno::kEPERM;
  CpuSet there{wanted.bits & processors().bits};
  if (there.empty()) return Errno::kEINVAL;
  set_allowed_cpus(*thread, there);
  return {};
}

enum : uint32_t { kOfThread = 0, kOfGroup = 1, kOfUser = 2 };
constexpr int kNicest = 19, kLeastNice = -20;
/// getpriority() answers with that less the niceness, so that none is taken for an error.
constexpr int kToPriority = 20;

/// Calls visit(thread) with each thread that `who` means; 0 is the caller, its group, its user. EINVAL; ESRCH if
/// there is none.
template <class Visit>
Result<void> visit_threads(uint32_t which, uint32_t who, Visit visit) REQUIRES(process_tree_lock) {
  bool any = false;
  auto visit_all = [&](Process& process) REQUIRES(process_tree_lock) {
    for (UserThread& thread : process.threads) {
      visit(thread);
      any = true;
    }
  };
  if (which == kOfThread) {
    visit(*TRY(thread_of(who)));
    return {};
  }
  if (which == kOfGroup) {
    ProcessGroup* group = who == 0 ? current_process()->group : group_at(Pid(who));
    if (group == nullptr) return Errno::kESRCH;
    for (Process& member : group->members) visit_all(member);
  } else if (which == kOfUser) {
    const uint32_t user = who == 0 ? current_process()->ids.user.real : who;
    for (Process* at = process_after({}); at != nullptr; at = process_after(at->pid)) {
      if (at->ids.user.real == user) visit_all(*at);
    }
  } else {
    return Errno::kEINVAL;
  }
  return any ? Result<void>() : Errno::kESRCH;
}

/// EPERM; EACCES: only the superuser makes anybody less nice.
Result<void> set_niceness(UserThread& thread, int niceness) REQUIRES(process_tree_lock) {
  if (!may_place(*thread.process)) return Errno::kEPERM;
  const bool gains = niceness < thread.nice.load();
  if (gains && !current_process()->ids.is_superuser()) return Errno::kEACCES;
  thread.nice = niceness;
  return {};
}

}  // namespace

int64_t sys_getpriority(TrapFrame& call) {
  int64_t best = 0;
  IrqGuard guard(process_tree_lock);
  auto visited =
      visit_threads(uint32_t(argument0(call)), uint32_t(argument1(call)), [&](UserThread& thread) {
        best = std::max<int64_t>(best, kToPriority - thread.nice.load());
      });
  return visited.ok() ? best : failure(visited.error());
}

int64_t sys_setpriority(TrapFrame& call) {
  const int niceness = std::clamp(int(argument2(call)), kLeastNice, kNicest);
  Result<void> done;
  IrqGuard guard(process_tree_lock);
  auto visited = visit_threads(uint32_t(argument0(call)), uint32_t(argument1(call)),
                               [&](UserThread& thread) REQUIRES(process_tree_lock) {
                                 auto set = set_niceness(thread, niceness);
                                 if (!set.ok()) done = set;
                               });
  return to_return(visited.ok() ? done : visited);
}

int64_t sys_sched_getaffinity(TrapFrame& call) {
  auto size = uint32_t(argument1(call));
  if (size < sizeof(CpuSet) || size % sizeof(CpuSet) != 0) return failure(Errno::kEINVAL);
  auto allowed = allowed_cpus_of(argument0(call));
  if (!allowed.ok()) return failure(allowed.error());
  auto written = write_user(VirtAddr(argument2(call)), *allowed);
  return written.ok() ? int64_t(sizeof(CpuSet)) : failure(written.error());
}

int64_t sys_sched_setaffinity(TrapFrame& call) {
  // What a shorter set lacks isn't in it; a longer one has processors that there can't be.
  CpuSet wanted;
  auto size = std::min<uint64_t>(uint32_t(argument1(call)), sizeof(wanted));
  auto read = copy_from_user(&wanted, VirtAddr(argument2(call)), size);
  if (!read.ok()) return failure(read.error());
  return to_return(allow_cpus(argument0(call), wanted));
}

int64_t sys_membarrier(TrapFrame& call) {
  enum : uint32_t {
    kQuery = 0,
    kGlobal = 1,
    kGlobalExpedited = 2,
    kRegisterGlobalExpedited = 4,
    kPrivateExpedited = 8,
    kRegisterPrivateExpedited = 16,
    kAll = 31,
  };
  Process& me = *current_process();
  if (uint32_t(argument1(call)) != 0) return failure(Errno::kEINVAL);
  switch (uint32_t(argument0(call))) {
    case kQuery: return kAll;
    case kRegisterPrivateExpedited: me.has_private_barriers = true; return 0;
    case kRegisterGlobalExpedited: return 0;
    case kPrivateExpedited:
      if (!me.has_private_barriers) return failure(Errno::kEPERM);
      break;
    case kGlobal:
    case kGlobalExpedited: break;
    default: return failure(Errno::kEINVAL);
  }
  // An interrupt is a barrier, and so was the switch away from a thread that doesn't run now.
  call_on_cpus(
      processors(), [](void*) { std::atomic_thread_fence(std::memory_order_seq_cst); }, nullptr);
  return 0;
}

}  // namespace cairn
