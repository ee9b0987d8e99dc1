// The processor must not idle while a disk works: idle time, too, counts as ticks. So another thread
// spins meanwhile and counts its rounds, whose cost is known from a run of its own and subtracted.
#include "monitor/disk_bench.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "sched/scheduler.h"
#include "sched/wait_queue.h"
#include "sync/guarded.h"

namespace cairn {

namespace {

constexpr uint32_t kReads = 256;
constexpr uint32_t kAtOnce = 32;
constexpr uint32_t kReadSize = 4096;  // bytes

class Spinner {
 public:
  Result<void> start() {
    Thread* thread = TRY(create_thread("spinner", run, this));
    make_ready(*thread);
    return {};
  }
  /// Waits until the thread has ended.
  void stop() {
    stop_.store(true);
    ended_.wait_until([this] { return over_.with([](bool over) { return over; }); });
  }
  uint64_t rounds() const { return rounds_.load(std::memory_order_relaxed); }

  /// Ticks of one round, times 256.
  static uint64_t round_cost() {
    Spinner alone;
    alone.most_ = 1 << 16;
    InterruptsOff off;
    uint64_t start = read_tsc();
    alone.spin();
    return (read_tsc() - start) * 256 / alone.most_;
  }

 private:
  void spin() {
    for (uint64_t i = 0; i < most_ && !stop_.load(std::memory_order_relaxed); i++) {
      rounds_.store(i, std::memory_order_relaxed);
    }
  }
  static void run(void* argument) {
    auto& spinner = *static_cast<Spinner*>(argument);
    spinner.spin();
    spinner.over_.with([&](bool& over) {
      over = true;
      spinner.ended_.wake_all();
    });
    exit_thread();
  }

  uint64_t most_ = UINT64_MAX;
  std::atomic<uint64_t> rounds_{0};
  std::atomic<bool> stop_{false};
  Guarded<bool> over_{"spinner", LockRank::kBlockQueue};
  WaitQueue ended_{"spinner"};
};

/// Ticks that `work()` takes for each of kReads reads, the spinner's left out.
template <class Work>
Result<uint64_t> measure(const Spinner& spinner, uint64_t round_cost, Work work) {
  uint64_t rounds = spinner.rounds();
  uint64_t start = read_tsc();
  for (uint32_t i = 0; i < kReads;) i += TRY(work());
  uint64_t ticks = read_tsc() - start;
  uint64_t spun = (spinner.rounds() - rounds) * round_cost / 256;
  return ticks > spun ? (ticks - spun) / kReads : 0;
}

/// kAtOnce reads under way together.
class Together {
 public:
  Result<uint32_t> run(BlockDevice& device, PhysAddr memory) {
    state_.with([](State& state) { state = {kAtOnce, false}; });
    for (BlockRequest& request : requests_) {
      request.segment_count = 0;
      request.add_segment(memory, kReadSize);
      request.context = this;
      request.done = on_done;
      device.submit(request);
    }
    finish_.wait_until([this] { return state_.with([](State& s) { return s.pending == 0; }); });
    bool failed = state_.with([](State& state) { return state.failed; });
    return failed ? Errno::kEIO : Result<uint32_t>(kAtOnce);
  }

 private:
  struct State {
    uint32_t pending = 0;
    bool failed = false;
  };

  static void on_done(BlockRequest& request, Errno result) {
    auto& all = *static_cast<Together*>(request.context);
    all.state_.with([&](State& state) {
      if (result != Errno::kOk) state.failed = true;
      if (--state.pending == 0) all.finish_.wake_all();
    });
  }

  BlockRequest requests_[kAtOnce];
  Guarded<State> state_{"disk bench", LockRank::kBlockQueue};
  WaitQueue finish_{"disk"};
};

Result<void> measure_disk(MonitorSession& session, BlockDevice& device, Together& together) {
  Spinner spinner;
  OwnedFrame frame(TRY(allocate_frame(FrameUse::kDma)));
  PhysAddr memory = frame_address(frame.get());
  uint64_t cost = Spinner::round_cost();
  TRY(spinner.start());
  auto one = measure(spinner, cost, [&]() -> Result<uint32_t> {
    TRY(transfer(device, BlockOperation::kRead, SectorNumber(0), memory, kReadSize));
    return 1u;
  });
  auto many = measure(spinner, cost, [&] { return together.run(device, memory); });
  spinner.stop();
  if (!one.ok() || !many.ok()) return session.fail(Errno::kEIO, "{}: a read failed", device.name());
  print(session.out, "name=disk_read ticks={}\n", *one);
  print(session.out, "name=disk_read_queued ticks={}\n", *many);
  return {};
}

}  // namespace

Result<void> run_disk_bench(MonitorSession& session, BlockDevice& device) {
  auto* together = new_object<Together>();
  if (together == nullptr) return Errno::kENOMEM;
  auto result = measure_disk(session, device, *together);
  delete together;
  return result;
}

}  // namespace cairn
