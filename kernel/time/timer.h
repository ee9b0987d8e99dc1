// One-shot timers. Each processor has a tree of those that were armed on it, ordered by deadline, and the
// earliest is armed in its APIC: a timer fires on the processor that armed it.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>

#include "lib/tree.h"
#include "sync/spinlock.h"

namespace cairn {

class Timer {
 public:
  /// Runs in the timer interrupt; must not sleep. It may arm the timer again.
  using Callback = void (*)(Timer& timer);
  constexpr explicit Timer(Callback callback) : callback_(callback) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // One at a time of these, its owner's business; but the callback may come at any time. Any context.

  /// Arms for an absolute deadline of monotonic_ns(); re-arms if armed. O(log n).
  void arm(uint64_t deadline_ns);
  /// After this returns the callback doesn't run any more: waits for it if another processor is in it, so no
  /// lock is held that the callback takes.
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
  friend struct TimerQueue;
  void remove();

  uint64_t deadline_ns_ = 0;
  Callback callback_;
  TimerQueue* queue_ = nullptr;  // where it was armed last
};

inline Timer::Key timer_key(const Timer& timer) { return timer.key(); }

/// The timers of one processor.
struct TimerQueue {
  Spinlock lock{"timers", LockRank::kTimerQueue};
  Tree<Timer, &Timer::link, &timer_key> timers GUARDED_BY(lock);
  std::atomic<Timer*> running{nullptr};  // its callback runs

  /// Points this processor's APIC, whose queue this is, at the earliest deadline.
  void arm_next() REQUIRES(lock);
  /// The timer interrupt: runs what is due, without the lock, so that callbacks may arm timers.
  void run_due();

 private:
  Timer* take_due();
};

/// Gives this processor its queue, in memory that stays, and handles its timer interrupt. Once a processor, after
/// calibrate_clock(), interrupts off.
void start_timers(TimerQueue& queue);

}  // namespace cairn
