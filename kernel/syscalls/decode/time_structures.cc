// Times.
#include "syscalls/decode/show.h"
#include "syscalls/time_values.h"

namespace cairn {

namespace {

void write_timespec(BufferWriter& out, const TimeSpec& time) {
  // Source: utimensat(2).
  constexpr int64_t kNow = 0x3fff'ffff, kOmit = 0x3fff'fffe;
  if (time.nanoseconds == kNow) return out.write("UTIME_NOW");
  if (time.nanoseconds == kOmit) return out.write("UTIME_OMIT");
  out.write("{");
  print(out, "tv_sec={}, tv_nsec={}", time.seconds, time.nanoseconds);
  out.write("}");
}

void write_timeval(BufferWriter& out, const TimeValue& time) {
  out.write("{");
  print(out, "tv_sec={}, tv_usec={}", time.seconds, time.microseconds);
  out.write("}");
}

template <class Time, class Write>
void write_timer(BufferWriter& out, uint64_t address, Write write) {
  struct Timer {
    Time interval, value;
  };
  write_structure<Timer>(out, address, [write](BufferWriter& to, const Timer& timer) {
    to.write("{it_interval=");
    write(to, timer.interval);
    to.write(", it_value=");
    write(to, timer.value);
    to.write("}");
  });
}

void write_seconds(BufferWriter& out, const int64_t& seconds) { print(out, "{}", seconds); }

}  // namespace

void show_timespec(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<TimeSpec>(out, call.arguments[index], write_timespec);
}

void show_two_timespecs(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<TimeSpec>(out, call.arguments[index], 2, write_timespec);
}

void show_timeval(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<TimeValue>(out, call.arguments[index], write_timeval);
}

void show_two_timevals(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<TimeValue>(out, call.arguments[index], 2, write_timeval);
}

void show_seconds(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<int64_t>(
      out, call.arguments[index],
      [](BufferWriter& to, const int64_t& seconds) { print(to, "[{}]", seconds); });
}

/// struct utimbuf.
void show_two_seconds(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<int64_t>(out, call.arguments[index], 2, write_seconds);
}

/// struct itimerval.
void show_timer(BufferWriter& out, const CallView& call, unsigned index) {
  write_timer<TimeValue>(out, call.arguments[index], write_timeval);
}

/// struct itimerspec.
void show_timer_spec(BufferWriter& out, const CallView& call, unsigned index) {
  write_timer<TimeSpec>(out, call.arguments[index], write_timespec);
}

/// struct rusage: what of it is counted.
void show_usage(BufferWriter& out, const CallView& call, unsigned index) {
  struct Usage {
    TimeValue user, system;
  };
  write_structure<Usage>(out, call.arguments[index], [](BufferWriter& to, const Usage& usage) {
    to.write("{ru_utime=");
    write_timeval(to, usage.user);
    to.write(", ru_stime=");
    write_timeval(to, usage.system);
    to.write(", ...}");
  });
}

/// struct tms.
void show_process_times(BufferWriter& out, const CallView& call, unsigned index) {
  struct Times {
    int64_t user, system, children_user, children_system;
  };
  write_structure<Times>(out, call.arguments[index], [](BufferWriter& to, const Times& times) {
    to.write("{");
    print(to, "tms_utime={}, tms_stime={}, tms_cutime={}, tms_cstime={}", times.user, times.system,
          times.children_user, times.children_system);
    to.write("}");
  });
}

}  // namespace cairn
