#include "time/timer.h"

#include "arch/percpu.h"
#include "arch/trap_frame.h"
#include "interrupts/apic.h"
#include "interrupts/irq.h"
#include "time/clock.h"

namespace cairn {

void TimerQueue::arm_next() {
  Timer* first = timers.first();
  if (first == nullptr) return arm_apic_timer(0);
  uint64_t now = monotonic_ns();
  uint64_t deadline = first->key().deadline_ns;
  arm_apic_timer(apic_ticks_for(deadline > now ? deadline - now : 0));
}

/// Takes the earliest timer out if it is due, and notes that it runs; else arms the APIC.
Timer* TimerQueue::take_due() {
  IrqGuard guard(lock);
  Timer* first = timers.first();
  if (first == nullptr || first->deadline_ns_ > monotonic_ns()) {
    arm_next();
    return nullptr;
  }
  timers.remove(*first);
  running.store(first, std::memory_order_relaxed);
  return first;
}

void TimerQueue::run_due() {
  while (Timer* due = take_due()) {
    due->callback_(*due);
    running.store(nullptr, std::memory_order_release);
  }
}

void Timer::remove() {
  if (queue_ == nullptr) return;
  IrqGuard guard(queue_->lock);
  if (!armed()) return;
  bool was_first = queue_->timers.first() == this;
  queue_->timers.remove(*this);
  // Another processor's APIC fires for nothing, and is armed anew then.
  if (was_first && queue_ == this_cpu().timers) queue_->arm_next();
}

void Timer::arm(uint64_t deadline_ns) {
  InterruptsOff off;
  TimerQueue* here = this_cpu().timers;
  if (queue_ != here) remove();
  IrqGuard guard(here->lock);
  if (armed()) here->timers.remove(*this);
  queue_ = here;
  deadline_ns_ = deadline_ns;
  here->timers.insert(*this);
  if (here->timers.first() == this) here->arm_next();
}

void Timer::cancel() {
  while (true) {
    remove();  // again if its callback armed it
    // On its own processor nobody but the callback itself finds it running.
    if (queue_ == nullptr || queue_ == this_cpu().timers) return;
    if (queue_->running.load(std::memory_order_acquire) != this) return;
    relax_cpu();
  }
}

void start_timers(TimerQueue& queue) {
  this_cpu().timers = &queue;
  register_vector(
      kTimerVector, [](void*) { this_cpu().timers->run_due(); }, nullptr);
}

}  // namespace cairn
