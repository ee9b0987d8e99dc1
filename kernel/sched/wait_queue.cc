#include "sched/wait_queue.h"

#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

void WaitQueue::prepare(Waiter& waiter) {
  disable_preemption();
  waiter.thread->waiting_for = what_;
  waiter.thread->state = ThreadState::kBlocked;
  IrqGuard guard(lock_);
  if (!waiter.link.linked()) waiters_.push_back(waiter);
}

namespace {

struct WakeTimer : Timer {
  explicit WakeTimer(Thread& sleeper)
      : Timer([](Timer& fired) { wake_thread(*static_cast<WakeTimer&>(fired).thread); }),
        thread(&sleeper) {}
  Thread* thread;
};

}  // namespace

bool WaitQueue::sleep(uint64_t deadline_ns) {
  if (deadline_ns == kNoDeadline) {
    InterruptsOff off;
    schedule();
    return true;
  }
  if (deadline_ns <= monotonic_ns()) return false;
  WakeTimer wake(*current_thread());
  wake.arm(deadline_ns);
  {
    InterruptsOff off;
    schedule();
  }
  wake.cancel();
  return true;
}

void WaitQueue::finish(Waiter& waiter) {
  {
    IrqGuard guard(lock_);
    waiters_.remove(waiter);
  }
  {
    // Back to running. A waker may have put us into the run queue meanwhile: then we are ready there
    // and go through it once.
    InterruptsOff off;
    auto blocked = ThreadState::kBlocked;
    if (!waiter.thread->state.compare_exchange_strong(blocked, ThreadState::kRunning) &&
        waiter.thread->state.load() == ThreadState::kReady) {
      schedule();
    }
  }
  enable_preemption();
}

void WaitQueue::wake_one() {
  IrqGuard guard(lock_);
  if (Waiter* waiter = waiters_.pop_front()) wake_thread(*waiter->thread);
}

void WaitQueue::wake_all() {
  IrqGuard guard(lock_);
  while (Waiter* waiter = waiters_.pop_front()) wake_thread(*waiter->thread);
}

Result<void> sleep_until(uint64_t deadline_ns) {
  WaitQueue nobody_wakes("time");
  auto result = nobody_wakes.wait_until_interruptible([] { return false; }, deadline_ns);
  return result.error() == Errno::kEAGAIN ? Result<void>() : result;
}

}  // namespace cairn
