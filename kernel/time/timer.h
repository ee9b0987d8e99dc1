// One-shot timers: ordered by deadline in a tree, the earliest armed in the APIC.
#pragma once

#include <compare>
#include <cstdint>

#include "lib/tree.h"

namespace cairn {

class Timer {
 public:
  /// Runs in the timer interrupt; must not sleep. It may arm the timer again.
  using Callback = void (*)(Timer& timer);
  constexpr explicit Timer(Callback callback) : callback_(callback) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Arms for an absolute deadline of monotonic_ns(); re-arms if armed. O(log n).
  void arm(uint64_t deadline_ns);
  /// After this returns the callback doesn't run any more (one processor; lab D waits for it).
  void cancel();
  bool armed() const { return link.priority != 0; }

  TreeLink<Timer> link;

  struct Key {
    uint64_t deadline_ns;
    const Timer* timer;  // makes equal deadlines distinct
    constexpr auto operator<=>(const Key&) const = default;
  };
  Key key() const { return {deadline_ns_, this}; }

 private:
  friend void run_expired_timers(void*);
  uint64_t deadline_ns_ = 0;
  Callback callback_;
};

/// Registers the timer interrupt. After calibrate_clock().
void start_timers();

}  // namespace cairn
