// Processes: fork and its relatives, exit, wait, identity.
#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

// clone's flags. Source: Linux, include/uapi/linux/sched.h.
enum : uint64_t {
  kSignalMask = 0xff,
  kMemory = 0x100,
  kDirectories = 0x200,
  kFiles = 0x400,
  kHandlers = 0x800,
  kPidFd = 0x1000,
  kTraced = 0x2000,
  kVfork = 0x4000,
  kThread = 0x1'0000,
  kNewMounts = 0x2'0000,
  kSemaphores = 0x4'0000,
  kSetTls = 0x8'0000,
  kParentSetTid = 0x10'0000,
  kChildClearTid = 0x20'0000,
  kDetached = 0x40'0000,
  kUntraced = 0x80'0000,
  kChildSetTid = 0x100'0000,
  kNewCgroup = 0x200'0000,
  kNewOthers = 0x7c00'0000,  // names, IPC, users, pids, network
  kNewUsers = 0x1000'0000,
  kIo = 0x8000'0000,
  kNewSpaces = kNewMounts | kNewCgroup | kNewOthers,
};
constexpr uint64_t kSigChildNumber = 17;

/// What a thread shares with the others of its process, all of it.
constexpr uint64_t kShared = kMemory | kDirectories | kFiles | kHandlers | kThread;
/// What means nothing here: there are no semaphores to undo, no tracers, no priorities of disks; and kDetached is of the past.
constexpr uint64_t kWithoutEffect = kSemaphores | kDetached | kTraced | kUntraced | kIo;
constexpr uint64_t kTids = kParentSetTid | kChildClearTid | kChildSetTid;

/// EINVAL: it makes no sense, or asks for name spaces of its own, which there are none of. ENOSYS: it asks for a thread
/// that doesn't share all, or for a process that shares more than its memory, or that tells its end by another signal.
Result<void> check_clone(uint64_t flags) {
  auto all = [flags](uint64_t set) { return (flags & set) == set; };
  auto any = [flags](uint64_t set) { return (flags & set) != 0; };
  if (any(kNewSpaces)) return Errno::kEINVAL;
  if (any(kThread) && !any(kHandlers)) return Errno::kEINVAL;
  if (any(kHandlers) && !any(kMemory)) return Errno::kEINVAL;
  if (any(kPidFd) && any(kParentSetTid | kDetached | kThread)) return Errno::kEINVAL;
  constexpr uint64_t kKnown = kShared | kVfork | kSetTls | kTids | kWithoutEffect | kSignalMask;
  if (any(~kKnown)) return Errno::kENOSYS;
  if (any(kThread)) return all(kShared) && !any(kVfork) ? Errno::kOk : Errno::kENOSYS;
  bool as_fork = !any(kShared & ~kMemory) && (flags & kSignalMask) == kSigChildNumber;
  return as_fork ? Errno::kOk : Errno::kENOSYS;
}

int64_t fork_return(Result<Pid> child) {
  return child.ok() ? int64_t((*child).value) : failure(child.error());
}

}  // namespace

int64_t sys_fork(TrapFrame& call) { return fork_return(fork_process(call, {})); }

int64_t sys_vfork(TrapFrame& call) {
  return fork_return(fork_process(call, {.wait_for_child = true, .share_memory = true}));
}

int64_t sys_clone(TrapFrame& call) {
  uint64_t flags = uint32_t(argument0(call));
  auto has = [flags](uint64_t flag) { return (flags & flag) != 0; };
  auto checked = check_clone(flags);
  if (!checked.ok()) return failure(checked.error());
  CloneRequest request{.wait_for_child = has(kVfork),
                       .share_memory = has(kMemory),
                       .child_tid = VirtAddr(argument3(call)),
                       .set_child_tid = has(kChildSetTid),
                       .clear_child_tid = has(kChildClearTid),
                       .set_tls = has(kSetTls),
                       .tls = argument4(call)};
  if (has(kParentSetTid)) request.parent_tid = VirtAddr(argument2(call));
  if (request.set_tls && !is_user_address(VirtAddr(request.tls))) return failure(Errno::kEPERM);
  TrapFrame child = call;
  if (argument1(call) != 0) child.rsp = argument1(call);
  return fork_return(has(kThread) ? start_thread(child, request) : fork_process(child, request));
}

int64_t sys_exit(TrapFrame& call) { exit_user_thread(exit_status(int(argument0(call)))); }
int64_t sys_exit_group(TrapFrame& call) { exit_process(exit_status(int(argument0(call)))); }

int64_t sys_getpid(TrapFrame&) { return int64_t(current_process()->pid.value); }

int64_t sys_getppid(TrapFrame&) {
  IrqGuard guard(process_tree_lock);
  Process* parent = current_process()->parent;
  return parent != nullptr ? int64_t(parent->pid.value) : int64_t(kKernelPid.value);
}

int64_t sys_sched_yield(TrapFrame&) {
  yield();
  return 0;
}

int64_t sys_gettid(TrapFrame&) { return int64_t(current_user_thread().tid.value); }

int64_t sys_set_tid_address(TrapFrame& call) {
  current_user_thread().clear_child_tid = VirtAddr(argument0(call));
  return int64_t(current_user_thread().tid.value);
}

int64_t sys_arch_prctl(TrapFrame& call) {
  constexpr uint64_t kSetFs = 0x1002, kGetFs = 0x1003;
  VirtAddr address(argument1(call));
  switch (argument0(call)) {
    case kSetFs: {
      if (!is_user_address(address)) return failure(Errno::kEPERM);
      InterruptsOff off;
      current_thread()->fs_base = address.value;
      write_msr(msr::kFsBase, address.value);
      return 0;
    }
    case kGetFs: return to_return(write_user(address, current_thread()->fs_base));
    default: return failure(Errno::kEINVAL);
  }
}

}  // namespace cairn
