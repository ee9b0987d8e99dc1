// Kernel tests of block devices: what is checked before a device sees a request, partitions, waiting.
#include <array>

#include "arch/layout.h"
#include "block/partition.h"
#include "debug/kernel_test.h"
#include "lib/crc32.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

/// Remembers the last request, and ends it at once or when told.
class FakeDisk final : public BlockDevice {
 public:
  FakeDisk(uint64_t sectors, bool read_only) : BlockDevice("ktest", sectors, read_only) {}

  bool at_once = true;
  Errno outcome = Errno::kOk;
  unsigned started = 0;
  BlockRequest* last = nullptr;
  SectorNumber last_first{};

  void end(BlockRequest& request) { complete(request, outcome); }

 private:
  void start(BlockRequest& request) override {
    started++;
    last = &request;
    last_first = request.disk_first;
    if (at_once) end(request);
  }
};

struct Outcome {
  unsigned count = 0;
  Errno result = Errno::kOk;
};

/// Submits and returns how it ended; the device ends requests at once.
Outcome submit(BlockDevice& device, BlockOperation operation, uint64_t first, uint32_t size) {
  Outcome outcome;
  BlockRequest request;
  request.operation = operation;
  request.first = SectorNumber(first);
  if (size != 0) request.add_segment(PhysAddr(0x100000), size);
  request.context = &outcome;
  request.done = [](BlockRequest& done, Errno result) {
    auto& at = *static_cast<Outcome*>(done.context);
    at.count++;
    at.result = result;
  };
  device.submit(request);
  return outcome;
}

}  // namespace

KERNEL_TEST(block_requests_outside_the_device_fail) {
  FakeDisk disk(100, false);
  constexpr auto kRead = BlockOperation::kRead;
  EXPECT(submit(disk, kRead, 0, 512).result == Errno::kOk);
  EXPECT(submit(disk, kRead, 99, 512).result == Errno::kOk);
  EXPECT(submit(disk, kRead, 0, 100 * 512).result == Errno::kOk);
  EXPECT(disk.started == 3);
  EXPECT(submit(disk, kRead, 99, 1024).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, 100, 512).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, 0, 101 * 512).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, UINT64_MAX, 512).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, UINT64_MAX - 1, 1024).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, 0, 0).result == Errno::kEIO);
  EXPECT(submit(disk, kRead, 100, 512).count == 1);
  EXPECT(disk.started == 3 && disk.request_count() == 10 && disk.error_count() == 7);
}

KERNEL_TEST(block_writes_to_a_read_only_device_fail) {
  FakeDisk disk(100, true);
  EXPECT(submit(disk, BlockOperation::kWrite, 0, 512).result == Errno::kEROFS);
  EXPECT(submit(disk, BlockOperation::kRead, 0, 512).result == Errno::kOk);
  EXPECT(submit(disk, BlockOperation::kFlush, 0, 0).result == Errno::kOk);
  EXPECT(disk.started == 2 && disk.error_count() == 1);
}

KERNEL_TEST(block_partitions_shift_and_bound_requests) {
  FakeDisk disk(100, false);
  Partition part(disk, "ktest1", SectorNumber(40), 20);
  EXPECT(submit(part, BlockOperation::kRead, 0, 512).result == Errno::kOk);
  EXPECT(disk.last_first.value == 40);
  EXPECT(submit(part, BlockOperation::kWrite, 19, 512).result == Errno::kOk);
  EXPECT(disk.last_first.value == 59);
  EXPECT(submit(part, BlockOperation::kWrite, 20, 512).result == Errno::kEIO);
  EXPECT(submit(part, BlockOperation::kRead, 19, 1024).result == Errno::kEIO);
  EXPECT(disk.started == 2);
  disk.outcome = Errno::kEIO;
  EXPECT(submit(part, BlockOperation::kRead, 0, 512).result == Errno::kEIO);
  EXPECT(part.error_count() == 3 && disk.error_count() == 3);
  EXPECT(part.request_count() == 5 && disk.request_count() == 5);
}

KERNEL_TEST(block_adjoining_segments_become_one) {
  BlockRequest request;
  request.add_segment(PhysAddr(0x1000), 4096);
  request.add_segment(PhysAddr(0x2000), 512);
  request.add_segment(PhysAddr(0x3000), 512);
  request.add_segment(PhysAddr(0x2200), 512);
  EXPECT(request.segment_count == 3 && request.segments[0].size == 4608);
  EXPECT(request.size() == 4096 + 3 * 512);
}

KERNEL_TEST(block_transfer_waits_for_the_end) {
  static constinit FakeDisk* slow = nullptr;
  FakeDisk disk(100, false);
  disk.at_once = false;
  disk.outcome = Errno::kEIO;
  slow = &disk;
  auto thread = create_thread(
      "disk",
      [](void*) {
        while (slow->last == nullptr) yield();
        slow->end(*slow->last);
        exit_thread();
      },
      nullptr);
  EXPECT(thread.ok());
  if (!thread.ok()) return;
  make_ready(**thread);
  auto result = transfer(disk, BlockOperation::kRead, SectorNumber(3), PhysAddr(0x100000), 512);
  EXPECT(result.error() == Errno::kEIO && disk.started == 1);
  disk.at_once = true;
  disk.outcome = Errno::kOk;
  EXPECT(flush_device(disk).ok() && disk.started == 2);
}

KERNEL_TEST(crc32_is_the_usual_one) {
  constexpr std::array<uint8_t, 9> kDigits{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT(crc32(kDigits) == 0xcbf43926);
  EXPECT(crc32(std::span(kDigits).subspan(4), crc32(std::span(kDigits).first(4))) == 0xcbf43926);
}

}  // namespace cairn
