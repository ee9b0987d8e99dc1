// Clocks and sleeping.
#include "syscalls/arguments.h"
#include "syscalls/restart.h"
#include "syscalls/table.h"
#include "syscalls/time_values.h"
#include "time/clock.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/time.h.
constexpr uint64_t kClockRealtime = 0, kClockMonotonic = 1, kClockMonotonicRaw = 4;
constexpr uint64_t kClockRealtimeCoarse = 5, kClockMonotonicCoarse = 6, kClockBoottime = 7;
constexpr uint64_t kClockProcessCpu = 2, kClockThreadCpu = 3;
constexpr uint64_t kTimerAbsolute = 1;

/// The clock's reading in ns. EINVAL for clocks that aren't there.
Result<uint64_t> read_clock(uint64_t clock) {
  switch (clock) {
    case kClockRealtime:
    case kClockRealtimeCoarse: return realtime_ns();
    case kClockMonotonic:
    case kClockMonotonicRaw:
    case kClockMonotonicCoarse:
    case kClockBoottime: return monotonic_ns();
    default: return Errno::kEINVAL;
  }
}

/// CPU time has clocks as well: to be read, not to be waited for.
bool is_cpu_clock(uint64_t clock) { return clock == kClockProcessCpu || clock == kClockThreadCpu; }
uint64_t read_cpu_clock(uint64_t clock) {
  if (clock == kClockThreadCpu) return my_cpu_time().total_ns();
  IrqGuard guard(process_tree_lock);
  return cpu_time_of(*current_process()).total_ns();
}

/// Sleeps; stores what is left if interrupted and the caller wants to know.
Result<void> sleep_for(uint64_t ns, uint64_t remaining_address) {
  uint64_t deadline = deadline_after(ns);
  auto slept = sleep_until(deadline);
  if (slept.ok()) return slept;
  keep_deadline(deadline);
  if (remaining_address == 0) return slept;
  uint64_t now = monotonic_ns();
  TRY(write_user(VirtAddr(remaining_address), to_timespec(deadline > now ? deadline - now : 0)));
  return slept;
}

}  // namespace

int64_t sys_clock_gettime(TrapFrame& call) {
  uint64_t clock = argument0(call);
  auto now = is_cpu_clock(clock) ? Result<uint64_t>(read_cpu_clock(clock)) : read_clock(clock);
  if (!now.ok()) return failure(now.error());
  return to_return(write_user(VirtAddr(argument1(call)), to_timespec(*now)));
}

/// The time zone is the kernel's, which has none: two zeros.
int64_t sys_gettimeofday(TrapFrame& call) {
  VirtAddr time{argument0(call)}, zone{argument1(call)};
  if (time.value != 0) {
    auto written = write_user(time, to_timevalue(realtime_ns()));
    if (!written.ok()) return failure(written.error());
  }
  return zone.value == 0 ? 0 : to_return(write_user(zone, uint64_t(0)));
}

int64_t sys_time(TrapFrame& call) {
  int64_t seconds = to_timespec(realtime_ns()).seconds;
  if (argument0(call) == 0) return seconds;
  auto written = write_user(VirtAddr(argument0(call)), seconds);
  return written.ok() ? seconds : failure(written.error());
}

int64_t sys_nanosleep(TrapFrame& call) {
  auto ns = read_timespec(argument0(call));
  if (!ns.ok()) return failure(ns.error());
  return to_return(sleep_for(*ns, argument1(call)));
}

int64_t sys_clock_nanosleep(TrapFrame& call) {
  if (argument0(call) == kClockProcessCpu) return failure(Errno::kENOSYS);
  if (argument0(call) == kClockThreadCpu) return failure(Errno::kEOPNOTSUPP);
  auto now = read_clock(argument0(call));
  if (!now.ok()) return failure(now.error());
  auto time = read_timespec(argument2(call));
  if (!time.ok()) return failure(time.error());
  if ((argument1(call) & kTimerAbsolute) == 0) return to_return(sleep_for(*time, argument3(call)));
  return to_return(sleep_for(*time > *now ? *time - *now : 0, 0));
}

}  // namespace cairn
