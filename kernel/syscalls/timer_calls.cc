// Interval timers: setitimer, getitimer, alarm.
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "syscalls/time_values.h"

namespace cairn {

namespace {

constexpr uint64_t kRealTimer = 0;

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

}  // namespace

int64_t sys_getitimer(TrapFrame& call) {
  if (argument0(call) != kRealTimer) return failure(Errno::kEINVAL);
  auto value = to_user(current_process()->real_timer.get());
  return to_return(write_user(VirtAddr(argument1(call)), value));
}

int64_t sys_setitimer(TrapFrame& call) {
  auto setting = read_setting(argument1(call));
  if (!setting.ok()) return failure(setting.error());
  if (argument0(call) != kRealTimer) return failure(Errno::kEINVAL);
  auto old = to_user(current_process()->real_timer.set(*setting));
  if (argument2(call) == 0) return 0;
  return to_return(write_user(VirtAddr(argument2(call)), old));
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
