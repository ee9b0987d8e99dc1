// Waiting and waking: no wake-up is lost, and no thread is queued twice or before it has left its processor.
#include <array>

#include "debug/kernel_test.h"
#include "sched/scheduler.h"
#include "sched/test_waits.h"
#include "sched/wait_queue.h"
#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

namespace {

constexpr auto kOnCpu = ThreadState::kOnCpu;

/// Runs `on_fire` in the timer interrupt.
template <class OnFire>
struct FiringTimer : Timer {
  explicit FiringTimer(OnFire on_fire)
      : Timer([](Timer& timer) { static_cast<FiringTimer&>(timer).call(); }), call(on_fire) {}
  ~FiringTimer() { cancel(); }
  OnFire call;
};

/// Several threads, and the wait for their ends.
class Crew {
 public:
  /// Starts a thread that runs body(context).
  template <class Body, class Context>
  bool start(Context& context) {
    struct Job {
      static void run(void* argument) {
        auto* job = static_cast<Job*>(argument);
        Body{}(*job->context);
        job->crew->running_.fetch_sub(1);
        job->crew->ended_.wake_all();
        job->crew->gone_.fetch_add(1);
        exit_thread();
      }
      Crew* crew;
      Context* context;
    };
    static_assert(sizeof(Job) <= sizeof(jobs_[0]));
    auto* job = new (&jobs_[started_]) Job{this, &context};
    auto thread = create_thread("test", Job::run, job);
    if (!thread.ok()) return false;
    started_++;
    running_.fetch_add(1);
    make_ready(**thread);
    return true;
  }
  /// Returns when all have ended and touch this object no more.
  void wait() {
    ended_.wait_until([this] { return running_.load() == 0; });
    (void)is_reached([this] { return gone_.load() == started_; });
  }

 private:
  struct alignas(8) JobMemory {
    char bytes[16];
  };
  std::array<JobMemory, 16> jobs_;
  unsigned started_ = 0;
  std::atomic<unsigned> running_{0};
  std::atomic<unsigned> gone_{0};
  WaitQueue ended_{"test"};
};

KERNEL_TEST(a_waker_queues_only_a_thread_that_has_left_its_processor) {
  RunState state(ThreadState::kReady);
  EXPECT(state.wake() == Woken::kNot);
  state.enter();
  EXPECT(state.wake() == Woken::kNot);
  state.block();
  EXPECT(state.leave() == ThreadState::kBlocked);
  EXPECT(state.wake() == Woken::kMustQueue);
  EXPECT(state.wake() == Woken::kNot && state.load() == ThreadState::kReady);

  // Woken before it left: whoever switches away from it queues it.
  state.enter();
  state.block();
  EXPECT(state.wake() == Woken::kLeaving);
  EXPECT(state.wake() == Woken::kNot);
  state.give_way();
  EXPECT(state.leave() == ThreadState::kReady);

  // Woken before it left, and nobody else wants to run.
  state.enter();
  state.block();
  EXPECT(!state.stays());
  EXPECT(state.wake() == Woken::kLeaving);
  EXPECT(state.stays() && state.load() == (ThreadState::kRunning | kOnCpu));

  // Woken before it left, and it finds that it needn't wait.
  state.block();
  EXPECT(state.wake() == Woken::kLeaving);
  state.go_on();
  EXPECT(state.wake() == Woken::kNot);

  state.give_way();
  EXPECT(state.load() == (ThreadState::kReady | kOnCpu) && state.leave() == ThreadState::kReady);
  state.enter();
  state.die();
  state.give_way();
  EXPECT(state.wake() == Woken::kNot && state.leave() == ThreadState::kDead);
}

KERNEL_TEST(a_wake_between_the_look_and_the_switch_is_not_lost) {
  WaitQueue queue("test");
  unsigned looks = 0;
  queue.wait_until([&] {
    // From here to the switch the thread is blocked and on its processor.
    if (looks < 10) queue.wake_all();
    this_cpu().need_reschedule = looks % 2 == 0;
    return looks++ == 10;
  });
  EXPECT(looks == 11);
}

KERNEL_TEST(a_thread_that_is_woken_many_times_runs_once_for_all) {
  struct Shared {
    WaitQueue queue{"test"};
    std::atomic<unsigned> rounds{0};
    std::atomic<unsigned> seen{0};
    std::atomic<bool> stop{false};
  } shared;
  struct Body {
    void operator()(Shared& s) {
      unsigned last = 0;
      while (!s.stop) {
        s.queue.wait_until([&] { return s.rounds.load() != last || s.stop; });
        last = s.rounds.load();
        s.seen.fetch_add(1);
      }
    }
  };
  Crew crew;
  EXPECT((crew.start<Body>(shared)));
  unsigned expected = 0;
  for (int i = 0; i < 100; i++) {
    EXPECT(is_reached([&] { return shared.seen.load() == expected; }));
    let_others_run();  // it waits
    {
      InterruptsOff off;
      shared.rounds.fetch_add(1);
      for (int wakes = 0; wakes < 5; wakes++) shared.queue.wake_all();
    }
    expected++;
  }
  EXPECT(is_reached([&] { return shared.seen.load() == expected; }));
  shared.stop = true;
  shared.queue.wake_all();
  crew.wait();
}

KERNEL_TEST(an_interrupt_handler_wakes_a_thread_that_has_not_yet_switched_away) {
  WaitQueue queue("test");
  std::atomic<unsigned> fired{0};
  FiringTimer timer([&] {
    fired.fetch_add(1);
    queue.wake_all();
  });
  for (unsigned round = 1; round <= 50; round++) {
    unsigned looks = 0;
    timer.arm(monotonic_ns() + (round % 2 == 0 ? 0 : 20'000));
    queue.wait_until([&] {
      bool before = fired.load() == round;
      // In even rounds the interrupt comes while the predicate runs, which has looked already.
      while (round % 2 == 0 && fired.load() != round) relax_cpu();
      looks++;
      return before;
    });
    EXPECT(fired.load() == round && looks >= 1);
  }
}

KERNEL_TEST(an_interrupt_ends_the_idle_processors_halt) {
  // Each wait leaves the processor idle until a timer, whose deadline may pass between its look and its HLT.
  for (uint64_t ns = 0; ns < 400; ns++) {
    uint64_t deadline = monotonic_ns() + ns * 100;
    EXPECT(sleep_until(deadline).ok());
    EXPECT(monotonic_ns() >= deadline);
  }
}

KERNEL_TEST(threads_that_wake_each_other_all_end) {
  static constexpr unsigned kThreads = 8, kRounds = 300;
  struct Ring {
    WaitQueue queues[2] = {WaitQueue("test"), WaitQueue("test")};
    std::atomic<unsigned> turn{0};
    std::atomic<unsigned> next_number{0};
  } ring;
  struct Body {
    void operator()(Ring& r) {
      unsigned me = r.next_number.fetch_add(1);
      for (unsigned round = 0; round < kRounds; round++) {
        WaitQueue& queue = r.queues[me % 2];
        queue.wait_until([&] { return r.turn.load() % kThreads == me; });
        r.turn.fetch_add(1);
        for (WaitQueue& each : r.queues) each.wake_all();
        if (round % 7 == me) yield();
      }
    }
  };
  FiringTimer disturber([&ring] { ring.queues[0].wake_one(); });
  Crew crew;
  for (unsigned i = 0; i < kThreads; i++) EXPECT((crew.start<Body>(ring)));
  for (int i = 0; i < 50; i++) {
    disturber.arm(monotonic_ns() + 50'000);
    (void)sleep_until(monotonic_ns() + 100'000);
  }
  crew.wait();
  EXPECT(ring.turn.load() == kThreads * kRounds);
}

}  // namespace

}  // namespace cairn
