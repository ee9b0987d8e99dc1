// Interval timers: setitimer, getitimer, alarm.
#include "process/process.h"
#include "sched/scheduler.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "syscalls/time_values.h"

namespace cairn {

namespace {

constexpr uint64_t kRealTimer = 0, kVirtualTimer = 1, kProfileTimer = 2;

struct TimerValue {
  TimeValue interval;
  TimeValue left;
};

/// At least a microsecond while it runs: 0 says that it doesn't.
TimerValue to_user(const RealTimer::Setting& setting) {
  uint64_t left = setting.left_ns;
  if (left != 0 && left < kNsPerMicrosecond) left = kNsPerMicrosecond;
  return {to_timevalue(setting.interval_ns), to_timevalue(left)};
}

Result<uint64_t> to_ns_of(const TimeValue& value) {
  // Multiplied only where it can't overflow; the rest is refused as it is.
  bool valid = value.microseconds >= 0 && value.microseconds < 1'000'000;
  return to_ns(value.seconds, valid ? value.microseconds * int64_t(kNsPerMicrosecond) : -1);
}

Result<RealTimer::Setting> read_setting(uint64_t address) {
  if (address == 0) return RealTimer::Setting{};  // as on Linux: it stops
  auto value = TRY(read_user<TimerValue>(VirtAddr(address)));
  uint64_t left = TRY(to_ns_of(value.left));
  return RealTimer::Setting{left, TRY(to_ns_of(value.interval))};
}

/// What a timer is set to, and sets it if there is a change. EINVAL: no such timer.
Result<RealTimer::Setting> exchange(uint64_t which, const RealTimer::Setting* change) {
  Process& me = *current_process();
  if (which == kRealTimer) return change ? me.real_timer.set(*change) : me.real_timer.get();
  if (which != kVirtualTimer && which != kProfileTimer) return Errno::kEINVAL;
  IrqGuard guard(process_tree_lock);
  TickTimer& timer = which == kVirtualTimer ? me.virtual_timer : me.profile_timer;
  RealTimer::Setting old{timer.left_ns, timer.interval_ns};
  // A tick more, since part of one has passed: never too early.
  if (change != nullptr && change->left_ns != 0) {
    timer = {change->left_ns + kSliceNs, change->interval_ns};
  } else if (change != nullptr) {
    timer = {0, change->interval_ns};
  }
  return old;
}

}  // namespace

int64_t sys_getitimer(TrapFrame& call) {
  auto setting = exchange(argument0(call), nullptr);
  if (!setting.ok()) return failure(setting.error());
  return to_return(write_user(VirtAddr(argument1(call)), to_user(*setting)));
}

int64_t sys_setitimer(TrapFrame& call) {
  auto setting = read_setting(argument1(call));
  if (!setting.ok()) return failure(setting.error());
  auto old = exchange(argument0(call), &*setting);
  if (!old.ok()) return failure(old.error());
  if (argument2(call) == 0) return 0;
  return to_return(write_user(VirtAddr(argument2(call)), to_user(*old)));
}

int64_t sys_alarm(TrapFrame& call) {
  uint64_t seconds = uint32_t(argument0(call));
  auto old = current_process()->real_timer.set({seconds * kNsPerSecond, 0});
  // Rounded, but never to 0 while one runs.
  uint64_t whole = old.left_ns / kNsPerSecond, rest = old.left_ns % kNsPerSecond;
  bool up = rest >= kNsPerSecond / 2 || (whole == 0 && rest != 0);
  return int64_t(up ? whole + 1 : whole);
}

}  // namespace cairn
