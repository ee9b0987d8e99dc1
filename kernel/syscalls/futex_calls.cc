// Futexes and robust lists: what the arguments mean. Source: Linux, futex(2), include/uapi/linux/futex.h.
#include "address_space/user_copy.h"
#include "futex/futex.h"
#include "futex/robust_list.h"
#include "process/pid_table.h"
#include "syscalls/arguments.h"
#include "syscalls/restart.h"
#include "syscalls/table.h"
#include "syscalls/time_values.h"
#include "time/clock.h"

namespace cairn {

namespace {

enum : uint32_t {
  kWait = 0,
  kWake = 1,
  kRequeue = 3,
  kCompareRequeue = 4,
  kWakeOp = 5,
  kWaitBits = 9,
  kWakeBits = 10,
  kPrivate = 128,
  kRealtime = 256,  // the absolute time is of that clock
};

struct FutexCall {
  uint32_t operation;
  bool realtime;
  FutexWord word, second;
  uint32_t value, value3;
  uint64_t time_or_count;

  explicit FutexCall(const TrapFrame& call)
      : operation(uint32_t(argument1(call)) & ~(kPrivate | kRealtime)),
        realtime((argument1(call) & kRealtime) != 0),
        word{VirtAddr(argument0(call)), (argument1(call) & kPrivate) != 0},
        second{VirtAddr(argument4(call)), word.is_private},
        value(uint32_t(argument2(call))),
        value3(uint32_t(argument5(call))),
        time_or_count(argument3(call)) {}
};

/// At least one is woken, however few are asked for.
uint64_t wake_count(uint32_t count) { return int32_t(count) > 0 ? count : 1; }

/// kWait counts from now on, kWaitBits to a time of a clock. EINVAL, EFAULT.
Result<uint64_t> deadline_of(const FutexCall& call) {
  if (call.time_or_count == 0) return kNoDeadline;
  uint64_t time = TRY(read_timespec(call.time_or_count));
  if (call.operation == kWait) return deadline_after(time);
  uint64_t now = call.realtime ? realtime_ns() : monotonic_ns();
  return deadline_after(time > now ? time - now : 0);
}

Result<uint64_t> wait(const FutexCall& call, uint32_t bits) {
  uint64_t deadline = TRY(deadline_of(call));
  auto waited = futex_wait(call.word, call.value, bits, deadline);
  if (waited.ok()) return uint64_t(0);
  if (waited.error() == Errno::kEINTR && deadline != kNoDeadline) keep_deadline(deadline);
  return waited.error();
}

Result<uint64_t> requeue(const FutexCall& call, std::optional<uint32_t> expected) {
  auto wake = int32_t(call.value), move = int32_t(call.time_or_count);
  if (wake < 0 || move < 0) return Errno::kEINVAL;
  return futex_requeue(call.word, call.second, {uint64_t(wake), uint64_t(move)}, expected);
}

/// Twelve bits with a sign.
int32_t signed12(uint32_t bits) { return int32_t(bits << 20) >> 20; }

Result<uint64_t> wake_op(const FutexCall& call) {
  constexpr uint32_t kShiftOperand = 8;  // with the operation: the operand is a bit's number
  const uint32_t code = call.value3;
  FutexOperation operation{.operation = code >> 28 & 7,
                           .comparison = code >> 24 & 15,
                           .operand = signed12(code >> 12 & 0xfff),
                           .compared = signed12(code & 0xfff)};
  if ((code >> 28 & kShiftOperand) != 0) operation.operand = 1 << (operation.operand & 31);
  return futex_wake_op(call.word, call.second, wake_count(call.value),
                       wake_count(uint32_t(call.time_or_count)), operation);
}

Result<uint64_t> futex(const FutexCall& call) {
  // Only waiting to a time of a clock can be told which.
  if (call.realtime && call.operation != kWaitBits) return Errno::kENOSYS;
  switch (call.operation) {
    case kWait: return wait(call, kAnyBit);
    case kWaitBits: return wait(call, call.value3);
    case kWake: return futex_wake(call.word, wake_count(call.value), kAnyBit);
    case kWakeBits: return futex_wake(call.word, wake_count(call.value), call.value3);
    case kRequeue: return requeue(call, std::nullopt);
    case kCompareRequeue: return requeue(call, call.value3);
    case kWakeOp: return wake_op(call);
    default: return Errno::kENOSYS;
  }
}

/// Itself, the superuser, and who has all the ids of a process with nothing to hide. With process_tree_lock.
bool may_look(Process& me, Process& other) REQUIRES(process_tree_lock) {
  if (&me == &other || me.ids.is_superuser()) return true;
  const uint32_t user = me.ids.user.real, group = me.ids.group.real;
  return !other.is_private && other.ids.user == IdSet{user, user, user} &&
         other.ids.group == IdSet{group, group, group};
}

/// ESRCH, EPERM.
Result<VirtAddr> robust_list_of(uint64_t tid) {
  IrqGuard guard(process_tree_lock);
  UserThread& me = current_user_thread();
  UserThread* thread = tid == 0 ? &me : thread_at(Pid(tid));
  if (thread == nullptr) return Errno::kESRCH;
  if (!may_look(*me.process, *thread->process)) return Errno::kEPERM;
  return thread->robust_list;
}

}  // namespace

int64_t sys_futex(TrapFrame& call) {
  auto done = futex(FutexCall(call));
  return done.ok() ? int64_t(*done) : failure(done.error());
}

int64_t sys_set_robust_list(TrapFrame& call) {
  if (argument1(call) != sizeof(RobustListHead)) return failure(Errno::kEINVAL);
  IrqGuard guard(process_tree_lock);
  current_user_thread().robust_list = VirtAddr(argument0(call));
  return 0;
}

int64_t sys_get_robust_list(TrapFrame& call) {
  auto head = robust_list_of(uint32_t(argument0(call)));
  if (!head.ok()) return failure(head.error());
  auto size_written = write_user(VirtAddr(argument2(call)), uint64_t(sizeof(RobustListHead)));
  if (!size_written.ok()) return failure(size_written.error());
  return to_return(write_user(VirtAddr(argument1(call)), *head));
}

}  // namespace cairn
