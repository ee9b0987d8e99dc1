#include "sched/wait_queue.h"

#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

namespace {

/// From now on a waker finds the running thread blocked. Preemption is disabled until back_to_running().
void become_blocked(const char* waiting_for) {
  disable_preemption();
  current_thread()->waiting_for = waiting_for;
  current_thread()->state.block();
}

void back_to_running() {
  current_thread()->state.go_on();
  enable_preemption();
}

}  // namespace

void WaitQueue::add(Waiter& waiter) {
  IrqGuard guard(lock_);
  if (!waiter.link.linked()) waiters_.push_back(waiter);
}
void WaitQueue::remove(Waiter& waiter) {
  IrqGuard guard(lock_);
  waiters_.remove(waiter);
}

void WaitQueue::prepare(Waiter& waiter) {
  become_blocked(what_);
  add(waiter);
}

void WaitQueue::finish(Waiter& waiter) {
  remove(waiter);
  back_to_running();
}

void WaitSet::prepare() {
  become_blocked("poll");
  for (Entry& entry : entries_) {
    entry.waiter.thread = current_thread();
    if (entry.queue != nullptr) entry.queue->add(entry.waiter);
  }
}

void WaitSet::finish() {
  for (Entry& entry : entries_) {
    if (entry.queue != nullptr) entry.queue->remove(entry.waiter);
  }
  back_to_running();
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

void WaitQueue::wake_one() {
  IrqGuard guard(lock_);
  if (Waiter* waiter = waiters_.pop_front()) wake_thread(*waiter->thread);
}

void WaitQueue::wake_all(Wake when, uint32_t changes) {
  IrqGuard guard(lock_);
  for (Waiter& waiter : waiters_) {
    if (waiter.thread == nullptr) {
      auto& listener = static_cast<Listener&>(waiter);
      listener.told(listener, when, changes);
    } else {
      waiters_.remove(waiter);
      wake_thread(*waiter.thread, when);
    }
  }
}

Result<void> sleep_until(uint64_t deadline_ns) {
  WaitQueue nobody_wakes("time");
  auto result = nobody_wakes.wait_until_interruptible([] { return false; }, deadline_ns);
  return result.error() == Errno::kEAGAIN ? Result<void>() : result;
}

}  // namespace cairn
