// eventfd, timerfd: files that tell of events.
#include "special_files/event_counter.h"
#include "special_files/timer_file.h"
#include "syscalls/lab_b/user_files.h"
#include "syscalls/time_values.h"
#include "time/clock.h"

namespace cairn {

namespace {

constexpr uint32_t kFileFlags = open_flag::kCloseOnExec | open_flag::kNonBlocking;

Result<int> give(Result<RefPtr<File>> made, uint32_t flags) {
  RefPtr<File> file = TRY(std::move(made));
  return give_fd(std::move(file), (flags & open_flag::kCloseOnExec) != 0);
}

Result<int> make_event_counter(uint64_t value, uint32_t flags) {
  constexpr uint32_t kSemaphore = 1;
  if ((flags & ~(kFileFlags | kSemaphore)) != 0) return Errno::kEINVAL;
  bool semaphore = (flags & kSemaphore) != 0;
  return give(create_event_counter(uint32_t(value), semaphore, flags & open_flag::kNonBlocking),
              flags);
}

Result<int> make_timer(uint32_t clock, uint32_t flags) {
  // Source: Linux, include/uapi/linux/time.h. The machine never sleeps, so the clock of boot is the monotonic one.
  constexpr uint32_t kRealtime = 0, kMonotonic = 1, kBoot = 7;
  bool known = clock == kRealtime || clock == kMonotonic || clock == kBoot;
  if (!known || (flags & ~kFileFlags) != 0) return Errno::kEINVAL;
  return give(create_timer_file(clock == kRealtime, flags & open_flag::kNonBlocking), flags);
}

struct TimerTimes {
  TimeSpec interval;
  TimeSpec value;
};

TimerTimes to_user(const TimerSetting& setting) {
  auto now = int64_t(monotonic_ns());
  uint64_t left = setting.deadline_ns == TimerSetting::kNever ? 0
                  : setting.deadline_ns > now                 ? uint64_t(setting.deadline_ns - now)
                                                              : 1;
  return {to_timespec(setting.interval_ns), to_timespec(left)};
}

/// A deadline by the monotonic clock, from a time ahead or by the timer's clock.
int64_t deadline_of(uint64_t value, bool absolute, bool realtime) {
  if (value == 0) return TimerSetting::kNever;
  auto now = int64_t(monotonic_ns());
  int64_t zero = !absolute ? now : realtime ? now - int64_t(realtime_ns()) : 0;  // of that clock
  // As far ahead as there is room: centuries.
  return zero + int64_t(std::min(value, uint64_t(TimerSetting::kNever - 1 - now)));
}

Result<void> set_timer(TrapFrame& call) {
  constexpr uint32_t kAbsolute = 1;
  auto flags = uint32_t(argument1(call));
  auto times = TRY(read_user<TimerTimes>(VirtAddr(argument2(call))));
  uint64_t value = TRY(to_ns(times.value.seconds, times.value.nanoseconds));
  uint64_t interval = TRY(to_ns(times.interval.seconds, times.interval.nanoseconds));
  if ((flags & ~kAbsolute) != 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  bool realtime = TRY(is_realtime_timer_file(*file));
  TimerSetting setting{deadline_of(value, (flags & kAbsolute) != 0, realtime), interval};
  TimerSetting old = TRY(set_timer_file(*file, setting));
  return argument3(call) != 0 ? write_user(VirtAddr(argument3(call)), to_user(old))
                              : Result<void>();
}

Result<void> tell_timer(uint64_t fd, uint64_t address) {
  RefPtr<File> file = TRY(usable_file(fd));
  return write_user(VirtAddr(address), to_user(TRY(get_timer_file(*file))));
}

}  // namespace

int64_t sys_eventfd(TrapFrame& call) { return to_return(make_event_counter(argument0(call), 0)); }
int64_t sys_eventfd2(TrapFrame& call) {
  return to_return(make_event_counter(argument0(call), uint32_t(argument1(call))));
}
int64_t sys_timerfd_create(TrapFrame& call) {
  return to_return(make_timer(uint32_t(argument0(call)), uint32_t(argument1(call))));
}
int64_t sys_timerfd_settime(TrapFrame& call) { return to_return(set_timer(call)); }
int64_t sys_timerfd_gettime(TrapFrame& call) {
  return to_return(tell_timer(argument0(call), argument1(call)));
}

}  // namespace cairn
