// timerfd: a timer in a file. It can be read, and poll() says so, once it has expired; what is read is how often it has
// since it was set or read last.
// Source: Linux, timerfd_create(2).
#pragma once

#include "vfs/file.h"

namespace cairn {

struct TimerSetting {
  static constexpr int64_t kNever = INT64_MAX;
  int64_t deadline_ns = kNever;  // monotonic; below 0 before this machine ran
  uint64_t interval_ns = 0;      // from then on again and again; 0: once
};

/// A file with a timer that doesn't run. `flags`:
/// open_flag::kNonBlocking or 0. ENOMEM.
Result<RefPtr<File>> create_timer_file(bool realtime, uint32_t flags);

/// The next deadline, ahead or not. EINVAL: no such file.
Result<TimerSetting> get_timer_file(File& file);
/// Forgets what has expired. Returns what it replaces. EINVAL.
Result<TimerSetting> set_timer_file(File& file, const TimerSetting& setting);
/// Whether its deadlines are meant by the clock of real time. EINVAL.
Result<bool> is_realtime_timer_file(File& file);

}  // namespace cairn
