// Two threads of one process that fault, map and unmap at the same time, preempted all the time; and a region
// of 2 MiB pages that couldn't get one.
#include <array>
#include <utility>

#include "address_space/user_copy.h"
#include "debug/kernel_test.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "process/process.h"
#include "sched/scheduler.h"
#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

extern Counter frames_allocated_count;  // memory/frame_allocator.cc

namespace {

constexpr unsigned kRounds = 400;
constexpr uint64_t kPages = 8;  // of each range below
constexpr VirtAddr kPrivate{0x1000'0000}, kObject{0x2000'0000}, kContested{0x3000'0000};
constexpr VirtAddr kOwn[2]{VirtAddr(0x4000'0000), VirtAddr(0x5000'0000)};

/// Ends a time slice every few microseconds.
constexpr uint64_t kSliceNs = 20'000;
void end_slice(Timer& timer) {
  this_cpu().need_reschedule = true;
  timer.arm(monotonic_ns() + kSliceNs);
}
constinit Timer slices{end_slice};

/// An object whose pages come slowly, and now and then are others.
class SlowObject final : public MemoryObject {
 public:
  ~SlowObject() {
    for (FrameNumber frame : frames) {
      if (frame.value != 0) frame_put(frame);
    }
  }
  Result<FrameNumber> bring_page(uint64_t offset, bool) override {
    const uint64_t index = offset / kPageSize;
    FrameNumber frame = get(index);
    if (frame.value == 0) {
      FrameNumber fresh = TRY(allocate_zeroed_frame(FrameUse::kUser));
      yield();
      exchange(index, FrameNumber(0), fresh);
      frame = get(index);
    }
    yield();
    return frame;
  }
  bool confirm_page(uint64_t offset, FrameNumber frame, bool) override {
    Guard guard(lock);
    return frames[offset / kPageSize] == frame;
  }
  /// An empty page takes the page's place.
  void replace(uint64_t index) {
    FrameNumber old = get(index);
    if (old.value == 0) return;
    auto fresh = allocate_zeroed_frame(FrameUse::kUser);
    if (fresh.ok()) exchange(index, old, *fresh);
    unmap_frame(index, old);
    frame_put(old);
    replaced++;
  }

 private:
  /// The page with one reference more; 0 if there is none.
  FrameNumber get(uint64_t index) {
    Guard guard(lock);
    if (frames[index].value != 0) frame_get(frames[index]);
    return frames[index];
  }
  /// Puts `fresh` there in place of `old`, or drops it if there is another by now.
  void exchange(uint64_t index, FrameNumber old, FrameNumber fresh) {
    {
      Guard guard(lock);
      if (frames[index] == old) std::swap(frames[index], fresh);
    }
    if (fresh.value != 0) frame_put(fresh);
  }

  Spinlock lock{"slow object", LockRank::kMappingList};

 public:
  std::array<FrameNumber, kPages> frames{};
  unsigned replaced = 0;
};

RegionRequest region_at(VirtAddr start) {
  RegionRequest request;
  request.address = start;
  request.size = kPages * kPageSize;
  request.access = {.read = true, .write = true};
  request.fixed = true;
  return request;
}

struct Crowd {
  RefPtr<Process> process;
  UserThread* threads[2] = {};
  SlowObject object;
  std::atomic<unsigned> wrong{0};

  Crowd() {
    auto made = create_process("test");
    if (!made.ok()) return;
    process = made.take();
    RegionRequest shown = region_at(kObject);
    shown.object = &object;
    shown.shared = true;
    bool good = process->space->map_region(region_at(kPrivate)).ok() &&
                process->space->map_region(shown).ok();
    for (auto*& thread : threads) {
      auto added = add_thread(*process, run, this);
      if (good && added.ok()) thread = *added;
    }
  }
  explicit operator bool() const { return threads[0] != nullptr && threads[1] != nullptr; }

  void check(bool good) {
    if (!good) wrong.fetch_add(1);
  }

  /// Its own word of a page: what it wrote last must still be there.
  void private_word(unsigned me, unsigned round, std::array<uint64_t, kPages>& last) {
    uint64_t page = (round * 5 + me) % kPages;
    VirtAddr word = kPrivate + page * kPageSize + me * 8;
    auto seen = read_user<uint64_t>(word);
    check(seen.ok() && *seen == last[page]);
    last[page] = round;
    check(write_user(word, uint64_t(round)).ok());
  }

  /// A region of its own comes and goes beside the others'.
  void own_region(unsigned me, unsigned round) {
    AddressSpace& space = *process->space;
    check(space.map_region(region_at(kOwn[me])).ok());
    for (uint64_t page = 0; page < kPages; page += 2) {
      check(write_user(kOwn[me] + page * kPageSize, uint64_t(round)).ok());
    }
    VirtRange half{kOwn[me], kOwn[me] + kPages / 2 * kPageSize};
    check(space.protect_range(half, {.read = true}).ok());
    check(!write_user(kOwn[me], uint64_t(0)).ok());
    auto kept = read_user<uint64_t>(kOwn[me] + (kPages - 2) * kPageSize);
    check(kept.ok() && *kept == round);
    check(space.unmap_range({kOwn[me], kOwn[me] + kPages * kPageSize}).ok());
    check(!write_user(kOwn[me], uint64_t(0)).ok());
  }

  /// Both map and unmap the same pages: an access works or doesn't, and nothing else happens.
  void contested_region(unsigned round) {
    AddressSpace& space = *process->space;
    if (round % 3 == 0) check(space.map_region(region_at(kContested)).ok());
    (void)write_user(kContested + round % kPages * kPageSize, uint64_t(round));
    if (round % 5 == 0) {
      check(space.unmap_range({kContested + kPageSize, kContested + 4 * kPageSize}).ok());
    }
  }

  static void run(void* argument) {
    auto& crowd = *static_cast<Crowd*>(argument);
    unsigned me = &current_user_thread() == crowd.threads[0] ? 0 : 1;
    std::array<uint64_t, kPages> last{};
    for (unsigned round = 1; round <= kRounds; round++) {
      crowd.private_word(me, round, last);
      VirtAddr shown = kObject + round % kPages * kPageSize + me * 8;
      crowd.check(write_user(shown, uint64_t(round)).ok() && read_user<uint64_t>(shown).ok());
      crowd.contested_region(round);
      if (round % 4 == 0) crowd.own_region(me, round);
      if (me == 0 && round % 8 == 0) crowd.object.replace(round / 8 % kPages);
    }
    exit_user_thread(exit_status(0));
  }
};

KERNEL_TEST_WITH(Crowd, threads_of_a_process_fault_map_and_unmap_at_once) {
  uint64_t before = frames_in_use(FrameUse::kUser);
  slices.arm(monotonic_ns() + kSliceNs);
  for (UserThread* thread : t.threads) make_ready(*thread);
  auto status = wait_for_process(*t.process, nullptr);
  slices.cancel();
  EXPECT(status.ok() && *status == exit_status(0));
  EXPECT(t.wrong.load() == 0);
  EXPECT(t.object.replaced > 8);
  uint64_t kept = 0;
  for (FrameNumber frame : t.object.frames) {
    if (frame.value == 0) continue;
    EXPECT(frame_references(frame) == 1);
    kept++;
  }
  EXPECT(frames_in_use(FrameUse::kUser) == before + kept);
}

/// A region of 2 MiB pages whose first page came when there was no run.
struct Patched {
  RefPtr<Process> process;
  UserThread* thread = nullptr;
  uint64_t allocated = 0;
  bool good = false;

  Patched() {
    auto made = create_process("test");
    if (!made.ok()) return;
    process = made.take();
    auto added = add_thread(*process, run, this);
    if (added.ok()) thread = *added;
  }
  explicit operator bool() const { return thread != nullptr; }

  static void run(void* argument) {
    auto& test = *static_cast<Patched*>(argument);
    RegionRequest request = region_at(kPrivate);
    request.size = kHugePageSize;
    request.huge = true;
    test.good = current_address_space()->map_region(request).ok();
    fail_frame_allocation(1);
    test.good = test.good && write_user(kPrivate, uint64_t(1)).ok();
    fail_frame_allocation(0);
    uint64_t before = frames_allocated_count.value();
    test.good = test.good && write_user(kPrivate + 5 * kPageSize, uint64_t(1)).ok();
    test.allocated = frames_allocated_count.value() - before;
    exit_user_thread(exit_status(0));
  }
};

KERNEL_TEST_WITH(Patched, no_run_is_cleared_for_a_place_that_is_taken) {
  make_ready(*t.thread);
  (void)wait_for_process(*t.process, nullptr);
  EXPECT(t.good);
  EXPECT(t.allocated >= 1 && t.allocated < 100);
}

}  // namespace

}  // namespace cairn
