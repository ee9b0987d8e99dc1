// Processes: fork and its relatives, exit, wait, identity.
#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/sched.h.
constexpr uint64_t kCloneSignalMask = 0xff;
constexpr uint64_t kCloneParentSetTid = 0x00100000;
constexpr uint64_t kCloneChildClearTid = 0x00200000;
constexpr uint64_t kCloneChildSetTid = 0x01000000;
constexpr uint64_t kSigChildNumber = 17;

int64_t fork_return(Result<Pid> child) {
  return child.ok() ? int64_t((*child).value) : failure(child.error());
}

}  // namespace

int64_t sys_fork(TrapFrame& call) { return fork_return(fork_process(call, {})); }

int64_t sys_vfork(TrapFrame& call) {
  return fork_return(fork_process(call, {.wait_for_child = true}));
}

/// The fork form only: a child with memory of its own. Threads come with lab C.
int64_t sys_clone(TrapFrame& call) {
  uint64_t flags = argument0(call);
  constexpr uint64_t kKnown =
      kCloneSignalMask | kCloneParentSetTid | kCloneChildClearTid | kCloneChildSetTid;
  if ((flags & ~kKnown) != 0 || (flags & kCloneSignalMask) != kSigChildNumber) {
    return failure(Errno::kENOSYS);
  }
  ForkRequest request;
  if (flags & kCloneParentSetTid) request.parent_tid = VirtAddr(argument2(call));
  if (flags & (kCloneChildSetTid | kCloneChildClearTid)) {
    request.child_tid = VirtAddr(argument3(call));
  }
  request.set_child_tid = (flags & kCloneChildSetTid) != 0;
  request.clear_child_tid = (flags & kCloneChildClearTid) != 0;
  TrapFrame child = call;
  if (argument1(call) != 0) child.rsp = argument1(call);
  return fork_return(fork_process(child, request));
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
