// Waiting for something to become true:
//
//   queue.wait_until([&] { return buffer.has_data(); });     // the waiter
//   buffer.add(byte); queue.wake_all();                       // the waker, after the change
//
// The waiter is in the queue before it looks at the predicate, so a change right after the look
// finds it there: no wake-up is lost. The predicate runs with preemption disabled and must not
// sleep; it may take spinlocks.
#pragma once

#include <span>

#include "lib/list.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

inline constexpr uint64_t kNoDeadline = UINT64_MAX;  // ns
inline constexpr uint32_t kAnyChange = UINT32_MAX;   // of wake_all(): all that poll() may tell of

class WaitQueue {
 public:
  /// `what` the waiters wait for, in a word: `ps` shows it.
  constexpr explicit WaitQueue(const char* what, LockRank rank = LockRank::kWaitQueue)
      : what_(what), lock_{"wait queue", rank} {}

  /// Sleeps until `predicate()`. May sleep, so no spinlock is held and interrupts are on.
  template <class Predicate>
  void wait_until(Predicate predicate) {
    (void)wait(predicate, false, kNoDeadline);
  }
  /// The same until `deadline_ns` (monotonic) at most: whether the predicate is true.
  template <class Predicate>
  bool wait_until(Predicate predicate, uint64_t deadline_ns) {
    return wait(predicate, false, deadline_ns).ok();
  }
  /// EINTR if the thread was interrupted (a signal), EAGAIN if `deadline_ns` (monotonic) passed,
  /// both only while the predicate is false.
  template <class Predicate>
  Result<void> wait_until_interruptible(Predicate predicate, uint64_t deadline_ns = kNoDeadline) {
    return wait(predicate, true, deadline_ns);
  }

  /// Wakes the longest waiting thread, or all. Any context. Queues that have listeners, those that Inode::poll() names,
  /// are woken by wake_all() alone: it tells them which readiness may be new, in kPoll… bits.
  void wake_one();
  void wake_all(Wake when = Wake::kNow, uint32_t changes = kAnyChange);

  struct Waiter {
    Thread* thread;  // null: a Listener
    ListLink link;
  };
  /// Is told of each wake-up and stays in the queue: what epoll watches a file with. The function runs in the waker's
  /// context with the queue's lock held and interrupts off.
  struct Listener : Waiter {
    using Function = void (*)(Listener& listener, Wake when, uint32_t changes);
    explicit Listener(Function function) : Waiter{nullptr, {}}, told(function) {}
    const Function told;
  };
  void listen(Listener& listener) { add(listener); }
  /// After this returns it isn't told of anything.
  void ignore(Listener& listener) { remove(listener); }

 private:
  friend class WaitSet;

  template <class Predicate>
  Result<void> wait(Predicate& predicate, bool interruptible, uint64_t deadline_ns) {
    Waiter waiter{current_thread(), {}};
    waiter.thread->hears_signals.store(interruptible, std::memory_order_relaxed);
    while (true) {
      prepare(waiter);
      if (predicate()) return finish(waiter), Result<void>();
      if (interruptible && waiter.thread->interrupted.load()) {
        return finish(waiter), Result<void>(Errno::kEINTR);
      }
      if (!sleep(deadline_ns)) return finish(waiter), Result<void>(Errno::kEAGAIN);
      enable_preemption();
    }
  }

  /// Enqueues the waiter, marks its thread blocked and disables preemption.
  void prepare(Waiter& waiter);
  /// Switches away until woken; false at once if the deadline has passed.
  static bool sleep(uint64_t deadline_ns);
  /// Undoes prepare().
  void finish(Waiter& waiter);
  void add(Waiter& waiter);
  void remove(Waiter& waiter);

  const char* what_;
  Spinlock lock_;
  List<Waiter, &Waiter::link> waiters_ GUARDED_BY(lock_);
};

/// Waiting on several queues at once: poll() and select(). The caller gives the entries their memory;
/// a queue may be in several of them, and must stay as long as the set does.
class WaitSet {
 public:
  struct Entry {
    WaitQueue* queue = nullptr;  // null: nothing to wait for
    WaitQueue::Waiter waiter{};
  };
  explicit WaitSet(std::span<Entry> entries) : entries_(entries) {}

  /// As WaitQueue::wait_until_interruptible(): whoever changes what the predicate looks at wakes one
  /// of the queues.
  template <class Predicate>
  Result<void> wait_until_interruptible(Predicate predicate, uint64_t deadline_ns = kNoDeadline) {
    current_thread()->hears_signals.store(true, std::memory_order_relaxed);
    while (true) {
      prepare();
      if (predicate()) return finish(), Result<void>();
      if (current_thread()->interrupted.load()) return finish(), Result<void>(Errno::kEINTR);
      if (!WaitQueue::sleep(deadline_ns)) return finish(), Result<void>(Errno::kEAGAIN);
      enable_preemption();
    }
  }

 private:
  void prepare();
  void finish();

  std::span<Entry> entries_;
};

/// Sleeps until `deadline_ns` of monotonic_ns(). EINTR if interrupted before.
Result<void> sleep_until(uint64_t deadline_ns);

}  // namespace cairn
