// wait4 and waitid.
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "process/process_group.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "syscalls/usage.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/wait.h.
constexpr uint64_t kNoHang = 1, kStopped = 2, kExited = 4, kContinued = 8, kNoWait = 0x0100'0000;
constexpr uint64_t kNotThreads = 0x2000'0000, kAll = 0x4000'0000, kClone = 0x8000'0000;
// All children are of one kind, and belong to all threads of the process.
constexpr uint64_t kKinds = kNotThreads | kAll | kClone;
constexpr uint64_t kAnyChild = 0, kOneChild = 1, kOneGroup = 2;  // waitid's idtype

Pid my_group() {
  IrqGuard guard(process_tree_lock);
  return current_process()->group->id;
}

/// __WCLONE asks for children that send another signal than SIGCHLD: there are none.
Result<WaitResult> wait_for(const WaitRequest& request, uint64_t options) {
  if ((options & (kClone | kAll)) == kClone) return Errno::kECHILD;
  return wait_for_child(request);
}

Result<WaitRequest> to_request(uint64_t type, int64_t id, uint64_t options) {
  WaitRequest request;
  constexpr uint64_t kWhat = kExited | kStopped | kContinued;
  if ((options & ~(kNoHang | kWhat | kNoWait | kKinds)) != 0) return Errno::kEINVAL;
  if ((options & kWhat) == 0) return Errno::kEINVAL;
  if (type == kOneChild && id <= 0) return Errno::kEINVAL;
  if (type == kOneGroup && id < 0) return Errno::kEINVAL;
  if (type > kOneGroup) return Errno::kEINVAL;
  if (type == kOneChild) request.which = WaitRequest::kProcess;
  if (type == kOneGroup) request.which = WaitRequest::kGroup;
  request.id = type == kOneGroup && id == 0 ? my_group() : Pid(uint64_t(id));
  request.ended = (options & kExited) != 0;
  request.stopped = (options & kStopped) != 0;
  request.continued = (options & kContinued) != 0;
  request.wait = (options & kNoHang) == 0;
  request.take = (options & kNoWait) == 0;
  return request;
}

}  // namespace

int64_t sys_wait4(TrapFrame& call) {
  auto which = int64_t(int32_t(argument0(call)));
  uint64_t options = uint32_t(argument2(call));
  if ((options & ~(kNoHang | kStopped | kContinued | kKinds)) != 0) return failure(Errno::kEINVAL);
  if (which == INT32_MIN) return failure(Errno::kESRCH);
  uint64_t type = which == -1 ? kAnyChild : which > 0 ? kOneChild : kOneGroup;
  auto request = to_request(type, which < -1 ? -which : which, options | kExited);
  if (!request.ok()) return failure(request.error());
  auto found = wait_for(*request, options);
  if (!found.ok()) return failure(found.error());
  if (found->pid.value == 0) return 0;
  if (argument1(call) != 0) {
    auto stored = write_user(VirtAddr(argument1(call)), found->status);
    if (!stored.ok()) return failure(stored.error());
  }
  auto stored = store_usage(argument3(call), found->use);
  return stored.ok() ? int64_t(found->pid.value) : failure(stored.error());
}

/// What it stores says of an error, too, that there is no child.
int64_t sys_waitid(TrapFrame& call) {
  uint64_t options = uint32_t(argument3(call));
  auto id = int64_t(int32_t(argument1(call)));
  auto request = to_request(uint32_t(argument0(call)), id, options);
  auto found = request.ok() ? wait_for(*request, options) : Result<WaitResult>(request.error());
  if (found.ok() && found->pid.value != 0) {
    auto stored = store_usage(argument4(call), found->use);
    if (!stored.ok()) return failure(stored.error());
  }
  if (argument2(call) != 0 && found.error() != Errno::kEINTR) {
    // As far as the status: what lies behind stays as it was.
    constexpr uint64_t kStored = 28;
    SignalInfo info = found.ok() ? found->info : SignalInfo{};
    auto stored = copy_to_user(VirtAddr(argument2(call)), &info, kStored);
    if (!stored.ok()) return failure(stored.error());
  }
  return found.ok() ? 0 : failure(found.error());
}

}  // namespace cairn
