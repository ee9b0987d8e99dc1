// setitimer() and alarm(): a timer of the process that sends it a signal, once or again and again.
// Source: POSIX.1-2017, setitimer, alarm; Linux, getitimer(2).
#pragma once

#include "process/tree_lock.h"
#include "time/timer.h"

namespace cairn {

struct Process;

/// A timer of CPU time, SIGVTALRM or SIGPROF: each tick of the process takes from it (account_tick()).
struct TickTimer {
  uint64_t left_ns = 0;  // 0: not running
  uint64_t interval_ns = 0;
};

/// Real time, SIGALRM. The interrupt that it is armed for may come late or after it was set anew; the deadline says,
/// under the lock, whether anything is due.
class RealTimer : Timer {
 public:
  constexpr explicit RealTimer(Process& process) : Timer(on_interrupt), process_(process) {}

  struct Setting {
    uint64_t left_ns = 0;      // 0: not running
    uint64_t interval_ns = 0;  // from one signal to the next; 0: one only
  };
  Setting get() EXCLUDES(process_tree_lock);
  /// Returns what it replaces.
  Setting set(const Setting& setting) EXCLUDES(process_tree_lock);
  /// For the process's end: afterwards no interrupt of it comes any more.
  void stop() EXCLUDES(process_tree_lock);

 private:
  static void on_interrupt(Timer& timer);
  Setting left() const REQUIRES(process_tree_lock);

  Process& process_;
  uint64_t deadline_ns_ GUARDED_BY(process_tree_lock) = 0;
  uint64_t interval_ns_ GUARDED_BY(process_tree_lock) = 0;
};

}  // namespace cairn
