#include "process/interval_timer.h"

#include <algorithm>

#include "process/signal.h"
#include "time/clock.h"

namespace cairn {

namespace {

// Signals of one timer come no faster than this, whatever its interval: nobody may have a processor do nothing else.
constexpr uint64_t kShortestNs = 100'000;

/// The first deadline in step with an interval that is ahead.
uint64_t next_deadline(uint64_t deadline_ns, uint64_t interval_ns, uint64_t now) {
  uint64_t missed = (now - deadline_ns) / interval_ns;
  return std::max(deadline_ns + (missed + 1) * interval_ns, now + kShortestNs);
}

}  // namespace

void RealTimer::on_interrupt(Timer& timer) {
  auto& self = static_cast<RealTimer&>(timer);
  IrqGuard guard(process_tree_lock);
  uint64_t now = monotonic_ns();
  if (self.deadline_ns_ == 0 || now < self.deadline_ns_) return;
  uint64_t interval = self.interval_ns_;
  self.deadline_ns_ = interval != 0 ? next_deadline(self.deadline_ns_, interval, now) : 0;
  if (self.deadline_ns_ != 0) self.arm(self.deadline_ns_);
  (void)send_signal_locked(self.process_, nullptr, SignalInfo::from_kernel(kSigAlarm));
}

RealTimer::Setting RealTimer::left() const {
  if (deadline_ns_ == 0) return {0, interval_ns_};
  uint64_t now = monotonic_ns();
  return {deadline_ns_ > now ? deadline_ns_ - now : 1, interval_ns_};
}

RealTimer::Setting RealTimer::get() {
  IrqGuard guard(process_tree_lock);
  return left();
}

RealTimer::Setting RealTimer::set(const Setting& setting) {
  IrqGuard guard(process_tree_lock);
  Setting old = left();
  interval_ns_ = setting.interval_ns;
  deadline_ns_ = 0;
  if (setting.left_ns != 0) {
    uint64_t now = monotonic_ns();
    deadline_ns_ = now + std::min(setting.left_ns, INT64_MAX - now);
    arm(deadline_ns_);
  }
  return old;
}

void RealTimer::stop() {
  set({});
  cancel();
}

}  // namespace cairn
