// Kernel tests of RCU callbacks.
#include <atomic>

#include "debug/kernel_test.h"
#include "sched/rcu.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace cairn {

namespace {

struct Numbered : RcuHead {
  uint32_t number = 0;
};

constinit std::atomic<uint32_t> runs{0};
constinit std::atomic<bool> in_order{true};

void count(RcuHead& head) {
  if (static_cast<Numbered&>(head).number != runs.fetch_add(1)) in_order = false;
}

}  // namespace

KERNEL_TEST(rcu_callbacks_run_after_the_reader_left_and_in_order) {
  static constinit Numbered heads[100];
  runs = 0;
  in_order = true;
  {
    RcuReader reader;
    for (uint32_t i = 0; i < 100; i++) {
      heads[i].number = i;
      call_rcu(heads[i], count);
    }
    uint64_t until = monotonic_ns() + 30'000'000;  // longer than requests are gathered for
    while (monotonic_ns() < until) relax_cpu();
    EXPECT(runs.load() == 0u);
  }
  rcu_barrier();
  EXPECT(runs.load() == 100u);
  EXPECT(in_order.load());
}

KERNEL_TEST(rcu_callbacks_may_sleep_and_ask_again) {
  static constinit Numbered first, second;
  runs = 0;
  in_order = true;
  second.number = 1;
  call_rcu(first, [](RcuHead& head) {
    (void)sleep_until(monotonic_ns() + 2'000'000);
    count(head);
    call_rcu(second, count);
  });
  rcu_barrier();
  EXPECT(runs.load() >= 1u);  // the second, asked for meanwhile, may have run as well
  rcu_barrier();
  EXPECT(runs.load() == 2u);
  EXPECT(in_order.load());
}

}  // namespace cairn
