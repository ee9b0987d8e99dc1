// mremap where memory runs out.
#include "address_space/user_copy.h"
#include "debug/kernel_test.h"
#include "memory/frame_allocator.h"
#include "process/process.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

constexpr VirtAddr kHere{0x1000'0000}, kThere{0x3000'0000};

/// A region whose pages, each in a table of its own, move although some frame can't be had: at once or not at all.
struct Moved {
  static constexpr uint64_t kSteps = 3;
  RefPtr<Process> process;
  UserThread* thread = nullptr;
  unsigned refused = 0;
  bool good = false;

  Moved() {
    auto made = create_process("test");
    if (!made.ok()) return;
    process = made.take();
    auto added = add_thread(*process, run, this);
    if (added.ok()) thread = *added;
  }
  explicit operator bool() const { return thread != nullptr; }

  /// Whether the words are there, and nothing is at the other place.
  static bool is_at(VirtAddr here, VirtAddr other) {
    for (uint64_t i = 0; i < kSteps; i++) {
      auto word = read_user<uint64_t>(here + i * kHugePageSize);
      if (!word.ok() || *word != i + 1) return false;
      if (read_user<uint64_t>(other + i * kHugePageSize).ok()) return false;
    }
    return true;
  }

  static void run(void* argument) {
    auto& test = *static_cast<Moved*>(argument);
    AddressSpace& space = *current_address_space();
    RegionRequest request;
    request.address = kHere;
    request.size = kSteps * kHugePageSize;
    request.access = {.read = true, .write = true};
    request.fixed = true;
    test.good = space.map_region(request).ok();
    for (uint64_t i = 0; i < kSteps; i++)
      test.good = write_user(kHere + i * kHugePageSize, i + 1).ok() && test.good;
    VirtRange from{kHere, kHere + request.size};
    auto remap = [&](uint64_t size, VirtAddr to) {
      auto moved = space.remap_range(from, size, true, to);
      return moved.ok() ? Errno::kOk : moved.error();
    };
    test.good = test.good && remap(request.size, VirtAddr(0)) == Errno::kEPERM &&
                remap(kPageSize, kHere + kHugePageSize) == Errno::kEINVAL && is_at(kHere, kThere);
    for (uint64_t n = 1; test.good; n++) {
      fail_frame_allocation(n);
      Errno error = remap(request.size, kThere);
      fail_frame_allocation(0);
      if (error == Errno::kOk) break;
      test.good = error == Errno::kENOMEM && is_at(kHere, kThere);
      test.refused++;
    }
    test.good = test.good && is_at(kThere, kHere);
    exit_user_thread(exit_status(0));
  }
};

KERNEL_TEST_WITH(Moved, a_range_moves_as_a_whole_or_stays) {
  uint64_t before = frames_in_use(FrameUse::kUser);
  make_ready(*t.thread);
  (void)wait_for_process(*t.process, nullptr);
  EXPECT(t.good);
  EXPECT(t.refused >= Moved::kSteps);
  EXPECT(frames_in_use(FrameUse::kUser) == before);
}

}  // namespace

}  // namespace cairn
