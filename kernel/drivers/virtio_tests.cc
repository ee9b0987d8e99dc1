// Kernel tests of virtio disks, on devices made of memory that answer as they are told, and on the real
// first disk if there is one.
#include <array>

#include "debug/kernel_test.h"
#include "drivers/virtio_fake.h"
#include "lib/crc32.h"
#include "sched/test_waits.h"
#include "sync/guarded.h"

namespace cairn {

KERNEL_TEST(virtio_256_requests_end_in_any_order) {
  for (bool indirect : {true, false}) {
    FakeDisk bench(256, indirect);
    EXPECT(bench.ready());
    if (!bench.ready()) return;
    // Without tables, a read takes three descriptors of the 256.
    uint16_t count = indirect ? 256 : 85;
    for (uint16_t round = 0; round < 3; round++) {
      for (uint16_t i = 0; i < count; i++) bench.submit(i);
      EXPECT(bench.device().offered() == uint16_t(count * (round + 1)));
      std::array<uint16_t, 256> heads;
      for (uint16_t i = 0; i < count; i++) {
        heads[i] = bench.device().head(uint16_t(count * round + i));
      }
      for (uint16_t i = 0; i < count; i++) {
        bench.device().answer(heads[i * 67 % count]);
        if (i % 5 == 0) bench.disk().on_interrupt();
      }
      bench.disk().on_interrupt();
      EXPECT(bench.ended == count * (round + 1u) && bench.failed == 0);
    }
    for (uint16_t i = 0; i < count; i++) EXPECT(bench.times_ended[i] == 3);
  }
}

KERNEL_TEST(virtio_requests_look_as_the_standard_says) {
  FakeDisk bench(16, true);
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  BlockRequest& request = bench.submit(5, BlockOperation::kWrite, 2);
  auto chain = bench.device().chain(bench.device().head(0));
  EXPECT(chain.count == 4);
  auto* header = direct_map_as<const uint32_t>(PhysAddr(chain.pieces[0].address));
  EXPECT(chain.pieces[0].size == 16 && header[0] == 1 && header[2] == 40 && header[3] == 0);
  for (uint32_t i : {0u, 1u}) {
    const VirtqDescriptor& piece = chain.pieces[1 + i];
    EXPECT(piece.address == request.segments[i].address.value && piece.size == kPageSize);
    EXPECT((piece.flags & VirtqDescriptor::kDeviceWrites) == 0);
  }
  EXPECT(chain.pieces[3].size == 1 && (chain.pieces[3].flags & VirtqDescriptor::kDeviceWrites));
  bench.device().answer(bench.device().head(0), 1);
  bench.disk().on_interrupt();
  EXPECT(bench.ended == 1 && bench.failed == 1 && !bench.disk().broken());
}

KERNEL_TEST(virtio_nonsense_breaks_the_device_only) {
  using Lie = void (*)(FakeDevice & device, uint16_t head);
  constexpr std::array<Lie, 6> kLies{
      [](FakeDevice& device, uint16_t) { device.push_used(0xffff'ffff, 1); },
      [](FakeDevice& device, uint16_t) { device.push_used(16, 1); },
      [](FakeDevice& device, uint16_t head) { device.push_used((head + 8u) % 16, 1); },
      [](FakeDevice& device, uint16_t head) { device.push_used(head, 8192); },
      [](FakeDevice& device, uint16_t) { device.set_used_index(0x8000); },
      [](FakeDevice& device, uint16_t head) {
        device.answer(head);
        device.answer(head);
      },
  };
  for (Lie lie : kLies) {
    FakeDisk bench(16, true);
    EXPECT(bench.ready());
    if (!bench.ready()) return;
    for (uint32_t i = 0; i < 4; i++) bench.submit(i);
    lie(bench.device(), bench.device().head(2));
    bench.disk().on_interrupt();
    EXPECT(bench.disk().broken() && bench.device().was_reset());
    EXPECT(bench.ended == 4 && bench.failed >= 3);
    bench.submit(9);
    bench.submit(10, BlockOperation::kWrite, 20);
    EXPECT(bench.ended == 6 && bench.disk().error_count() == bench.failed);
    bench.disk().on_interrupt();
    EXPECT(bench.ended == 6);
  }
}

KERNEL_TEST(virtio_doubtful_answers_are_errors) {
  FakeDisk bench(16, true);
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  bench.submit(0);
  bench.submit(1);
  bench.submit(2);
  bench.device().answer(bench.device().head(0), 77);          // an unknown status
  bench.device().push_used(bench.device().head(1), 1);        // no status at all
  auto chain = bench.device().chain(bench.device().head(2));  // "done", with half of the data
  *direct_map_as<uint8_t>(PhysAddr(chain.pieces[2].address)) = 0;
  bench.device().push_used(bench.device().head(2), 2048);
  bench.disk().on_interrupt();
  EXPECT(bench.ended == 3 && bench.failed == 3 && !bench.disk().broken());
  EXPECT(bench.disk().error_count() == 3);
}

KERNEL_TEST(virtio_a_failed_device_ends_its_requests) {
  FakeDisk bench(16, true);
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  bench.submit(0);
  bench.disk().on_config_interrupt();
  EXPECT(bench.ended == 0);
  bench.device().fail();
  bench.disk().on_config_interrupt();
  EXPECT(bench.ended == 1 && bench.failed == 1 && bench.device().was_reset());
}

KERNEL_TEST(virtio_flushes_without_a_cache_are_done_at_once) {
  FakeDisk bench(16, true);
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  bench.submit(0, BlockOperation::kFlush, 0);
  EXPECT(bench.ended == 1 && bench.failed == 0 && bench.device().offered() == 0);
}

KERNEL_TEST(virtio_large_requests_are_cut) {
  // Two segments of a KiB at most: ten pages make twenty pieces, one of which fails.
  FakeDisk bench(64, true, {2, 1024});
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  BlockRequest& request = bench.submit(3, BlockOperation::kRead, 10);
  EXPECT(bench.device().offered() == 20);
  uint64_t sector = 24, offset = 0;
  for (uint16_t i = 0; i < 20; i++) {
    auto chain = bench.device().chain(bench.device().head(i));
    EXPECT(chain.count == 4);
    EXPECT(direct_map_as<const uint64_t>(PhysAddr(chain.pieces[0].address))[1] == sector);
    for (uint32_t k : {1u, 2u}) {
      uint64_t page = offset / kPageSize;
      EXPECT(chain.pieces[k].address == request.segments[page].address.value + offset % kPageSize);
      EXPECT(chain.pieces[k].size == 1024);
      offset += 1024;
    }
    sector += 4;
  }
  for (uint16_t i = 0; i < 20; i++) {
    EXPECT(bench.ended == 0);
    bench.device().answer(bench.device().head(uint16_t((i + 7) % 20)), i == 4 ? 1 : 0);
    bench.disk().on_interrupt();
  }
  EXPECT(bench.ended == 1 && bench.failed == 1);
}

namespace {

/// A thread that submits more than a small queue takes at once.
struct Submitter {
  static constexpr uint16_t kCount = 20;
  FakeDisk bench{4, false};  // room for one request
  std::atomic<bool> over{false};

  bool start() {
    if (!bench.ready()) return false;
    auto thread = create_thread("submitter", run, this);
    if (thread.ok()) make_ready(**thread);
    return thread.ok();
  }
  static void run(void* argument) {
    auto& all = *static_cast<Submitter*>(argument);
    for (uint16_t i = 0; i < kCount; i++) all.bench.submit(i, BlockOperation::kRead, 1 + i % 2);
    all.over = true;
    exit_thread();
  }
};

}  // namespace

KERNEL_TEST(virtio_submitters_wait_for_room) {
  Submitter submitter;
  bool started = submitter.start();
  EXPECT(started);
  if (!started) return;
  FakeDevice& device = submitter.bench.device();
  for (uint16_t i = 0; i < Submitter::kCount; i++) {
    EXPECT(is_reached([&] { return device.offered() > i; }));
    EXPECT(device.offered() == i + 1);
    device.answer(device.head(i));
    submitter.bench.disk().on_interrupt();
  }
  EXPECT(is_reached([&] { return submitter.over.load(); }));
  EXPECT(submitter.bench.ended == Submitter::kCount && submitter.bench.failed == 0);
}

KERNEL_TEST(virtio_submitters_do_not_wait_for_a_failed_device) {
  Submitter submitter;
  bool started = submitter.start();
  EXPECT(started);
  if (!started) return;
  EXPECT(is_reached([&] { return submitter.bench.device().offered() == 1; }));
  let_others_run();  // by now it waits for room
  submitter.bench.device().fail();
  submitter.bench.disk().on_config_interrupt();
  EXPECT(is_reached([&] { return submitter.over.load(); }));
  EXPECT(submitter.bench.ended == Submitter::kCount);
  EXPECT(submitter.bench.failed == Submitter::kCount);
}

namespace {

/// Many reads of one disk under way together, into memory of their own.
struct ParallelReads {
  static constexpr uint32_t kCount = 256;
  BlockRequest requests[kCount];
  struct State {
    uint32_t ended = 0;
    uint32_t failed = 0;
  };
  Guarded<State> state{"parallel reads", LockRank::kBlockQueue};
  WaitQueue finish{"disk"};

  static void on_done(BlockRequest& request, Errno result) {
    auto& all = *static_cast<ParallelReads*>(request.context);
    all.state.with([&](State& at) {
      if (result != Errno::kOk) at.failed++;
      if (++at.ended == kCount) all.finish.wake_all();
    });
  }
};

}  // namespace

KERNEL_TEST(disk_256_reads_under_way_at_once) {
  BlockDevice* disk = find_block_device("vda");
  constexpr uint32_t kCount = ParallelReads::kCount;
  if (disk == nullptr || disk->sector_count() < kCount) return;
  auto* memory = static_cast<uint8_t*>(heap_allocate((kCount + 1) * kSectorSize));
  auto* reads = new_object<ParallelReads>();
  EXPECT(memory != nullptr && reads != nullptr);
  if (memory == nullptr || reads == nullptr) return;
  for (uint32_t i = 0; i < kCount; i++) {
    uint32_t sector = i * 167 % kCount;
    BlockRequest& request = reads->requests[i];
    request.first = SectorNumber(sector);
    request.add_segment(physical_of(memory + sector * kSectorSize), kSectorSize);
    request.context = reads;
    request.done = ParallelReads::on_done;
    disk->submit(request);
  }
  using State = ParallelReads::State;
  reads->finish.wait_until(
      [&] { return reads->state.with([](State& at) { return at.ended == kCount; }); });
  EXPECT(reads->state.with([](State& at) { return at.failed; }) == 0);
  uint8_t* alone = memory + kCount * kSectorSize;
  for (uint32_t i = 0; i < kCount; i += 5) {
    EXPECT(transfer(*disk, BlockOperation::kRead, SectorNumber(i), physical_of(alone), kSectorSize)
               .ok());
    EXPECT(crc32({alone, kSectorSize}) == crc32({memory + i * kSectorSize, kSectorSize}));
  }
  delete reads;
  heap_free(memory);
}

}  // namespace cairn
