// On which processors threads run, and barriers between those of a process.
// Source: Linux, sched_setaffinity(2), membarrier(2), include/uapi/linux/membarrier.h.
#include <algorithm>
#include <atomic>

#include "address_space/user_copy.h"
#include "arch/percpu.h"
#include "interrupts/ipi.h"
#include "process/pid_table.h"
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

/// Whether the running process may say where another's threads run.
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

}  // namespace

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
