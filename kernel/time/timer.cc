#include "time/timer.h"

#include "arch/trap_frame.h"
#include "interrupts/apic.h"
#include "interrupts/irq.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace cairn {

namespace {

constexpr auto kTimerKey = [](const Timer& timer) { return timer.key(); };
constinit Spinlock queue_lock{"timers", LockRank::kTimerQueue};
constinit Tree<Timer, &Timer::link, kTimerKey> queue GUARDED_BY(queue_lock);

/// Points the APIC at the earliest deadline.
void arm_next() REQUIRES(queue_lock) {
  Timer* first = queue.first();
  if (first == nullptr) return arm_apic_timer(0);
  uint64_t now = monotonic_ns();
  uint64_t deadline = first->key().deadline_ns;
  arm_apic_timer(apic_ticks_for(deadline > now ? deadline - now : 0));
}

}  // namespace

void Timer::arm(uint64_t deadline_ns) {
  IrqGuard guard(queue_lock);
  if (armed()) queue.remove(*this);
  deadline_ns_ = deadline_ns;
  queue.insert(*this);
  if (queue.first() == this) arm_next();
}

void Timer::cancel() {
  IrqGuard guard(queue_lock);
  if (!armed()) return;
  bool was_first = queue.first() == this;
  queue.remove(*this);
  if (was_first) arm_next();
}

/// The timer interrupt. Callbacks run without the queue's lock, so they may arm timers.
void run_expired_timers(void*) {
  while (true) {
    Timer* expired;
    {
      IrqGuard guard(queue_lock);
      expired = queue.first();
      if (expired == nullptr || expired->deadline_ns_ > monotonic_ns()) {
        arm_next();
        return;
      }
      queue.remove(*expired);
    }
    expired->callback_(*expired);
  }
}

void start_timers() { register_vector(kTimerVector, run_expired_timers, nullptr); }

}  // namespace cairn
