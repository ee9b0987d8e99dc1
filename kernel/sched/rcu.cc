// What waits for a grace period is a list; one thread takes all of it, waits once, and runs the callbacks.
// Pushing is one compare-and-swap, and the taker takes everything, so no ABA problem can arise.
#include "sched/rcu.h"

#include <atomic>
#include <utility>

#include "metrics/counter.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace cairn {

CAIRN_COUNTER(callback_count, "rcu.callbacks");
CAIRN_COUNTER(grace_period_count, "rcu.grace_periods");  // that callbacks waited for

namespace {

constexpr uint64_t kGatherNs = 10'000'000;  // requests of that long share a grace period

constinit std::atomic<RcuHead*> newest{nullptr};
constinit std::atomic<uint32_t> hurried{0};  // callers of rcu_barrier() that wait
constinit WaitQueue work{"rcu"};
constinit WaitQueue barriers{"rcu barrier"};

/// The list was pushed onto its front; callbacks run in order.
RcuHead* reversed(RcuHead* list) {
  RcuHead* result = nullptr;
  while (list != nullptr) {
    RcuHead* next = std::exchange(list->rcu_next, result);
    result = std::exchange(list, next);
  }
  return result;
}

void run_callbacks(void*) {
  while (true) {
    work.wait_until([] { return newest.load() != nullptr; });
    (void)work.wait_until_interruptible([] { return hurried.load() != 0; },
                                        monotonic_ns() + kGatherNs);
    RcuHead* at = reversed(newest.exchange(nullptr));
    synchronize_rcu();
    grace_period_count.increment();
    while (at != nullptr) {
      RcuHead* next = at->rcu_next;  // the callback may free the head
      at->rcu_function(*at);
      callback_count.increment();
      at = next;
    }
  }
}

struct Barrier : RcuHead {
  std::atomic<bool> passed{false};
};

}  // namespace

void call_rcu(RcuHead& head, void (*function)(RcuHead& head)) {
  head.rcu_function = function;
  head.rcu_next = newest.load();
  while (!newest.compare_exchange_weak(head.rcu_next, &head)) {
  }
  if (head.rcu_next == nullptr) work.wake_one();
}

void rcu_barrier() {
  Barrier barrier;
  hurried.fetch_add(1);
  call_rcu(barrier, [](RcuHead& head) {
    static_cast<Barrier&>(head).passed.store(true);  // from here on it is the waiter's again
    barriers.wake_all();
  });
  work.wake_one();
  barriers.wait_until([&] { return barrier.passed.load(); });
  hurried.fetch_sub(1);
}

Result<void> start_rcu() {
  Thread* thread = TRY(create_thread("rcu", run_callbacks, nullptr));
  make_ready(*thread);
  return {};
}

}  // namespace cairn
