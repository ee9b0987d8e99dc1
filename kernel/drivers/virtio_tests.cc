// Kernel tests of virtio disks, on devices made of memory that answer as they are told, and on the real
// first disk if there is one.
#include <array>

#include "arch/layout.h"
#include "debug/kernel_test.h"
#include "drivers/virtio_blk.h"
#include "lib/crc32.h"
#include "memory/heap.h"
#include "sync/guarded.h"

namespace cairn {

namespace {

/// Plays the device's side: sees the rings through the addresses that the driver put into registers.
class FakeDevice {
 public:
  explicit FakeDevice(uint16_t size) { common_.queue_size = size; }

  VirtioDevice driver_side() {
    VirtioRegisters registers;
    registers.common = &common_;
    registers.notify = reinterpret_cast<volatile uint8_t*>(&notified_);
    registers.notify_size = sizeof(notified_);
    registers.config = reinterpret_cast<volatile uint8_t*>(&notified_);
    return VirtioDevice(registers);
  }

  uint16_t offered() { return at(common_.queue_available)[1]; }
  /// The head of the n-th chain ever offered.
  uint16_t head(uint16_t n) { return at(common_.queue_available)[2 + n % common_.queue_size]; }

  /// One buffer of a chain: descriptors of the table or of the ring.
  struct Chain {
    std::array<VirtqDescriptor, kMaxBlockSegments + 2> pieces;
    uint32_t count = 0;
  };
  Chain chain(uint16_t head) {
    auto* table = direct_map_as<const VirtqDescriptor>(address(common_.queue_descriptors));
    uint16_t index = head;
    if ((table[head].flags & VirtqDescriptor::kIndirect) != 0) {
      table = direct_map_as<const VirtqDescriptor>(PhysAddr(table[head].address));
      index = 0;
    }
    Chain chain;
    while (chain.count < chain.pieces.size()) {
      chain.pieces[chain.count++] = table[index];
      if ((table[index].flags & VirtqDescriptor::kNext) == 0) break;
      index = table[index].next;
    }
    return chain;
  }

  /// Answers the chain at `head` as a sound device does.
  void answer(uint16_t head, uint8_t status = 0) {
    Chain answered = chain(head);
    uint32_t written = 0;
    for (uint32_t i = 0; i < answered.count; i++) {
      if (answered.pieces[i].flags & VirtqDescriptor::kDeviceWrites) {
        written += answered.pieces[i].size;
      }
    }
    *direct_map_as<uint8_t>(PhysAddr(answered.pieces[answered.count - 1].address)) = status;
    push_used(head, written);
  }
  void push_used(uint32_t head, uint32_t written) {
    uint16_t* ring = at(common_.queue_used);
    uint16_t slot = ring[1] % common_.queue_size;
    auto* entry = reinterpret_cast<uint32_t*>(ring + 2) + slot * 2;
    entry[0] = head;
    entry[1] = written;
    ring[1]++;
  }
  void set_used_index(uint16_t index) { at(common_.queue_used)[1] = index; }
  void fail() { common_.status = common_.status | 64; }
  bool was_reset() const { return common_.status == 0; }

 private:
  static PhysAddr address(const volatile uint32_t (&halves)[2]) {
    return PhysAddr(uint64_t(halves[1]) << 32 | halves[0]);
  }
  static uint16_t* at(const volatile uint32_t (&halves)[2]) {
    return direct_map_as<uint16_t>(address(halves));
  }

  VirtioCommonRegisters common_{};
  uint32_t notified_ = 0;
};

constexpr uint64_t kSectors = 4096;

/// A fake device with its driver, and requests to it that count how they end.
class Bench {
 public:
  Bench(uint16_t size, bool indirect, RequestLimits limits = {kMaxBlockSegments, 1 << 20})
      : device_(size) {
    VirtioBlk::Description description;
    description.sectors = kSectors;
    description.indirect = indirect;
    description.limits = limits;
    disk_ = new_object<VirtioBlk>("ktest", device_.driver_side(), description);
    started_ = disk_ != nullptr && disk_->start_queue(false).ok();
    requests_ = static_cast<BlockRequest*>(heap_allocate(kRequests * sizeof(BlockRequest)));
  }
  ~Bench() {
    delete disk_;
    heap_free(requests_);
  }
  bool ready() const { return started_ && requests_ != nullptr; }

  static constexpr uint32_t kRequests = 256;
  FakeDevice& device() { return device_; }
  VirtioBlk& disk() { return *disk_; }

  /// Submits request `index`: `pages` pages of memory that don't adjoin.
  BlockRequest& submit(uint32_t index, BlockOperation operation = BlockOperation::kRead,
                       uint32_t pages = 1) {
    auto* request = new (requests_ + index) BlockRequest;
    request->operation = operation;
    request->first = SectorNumber(index * 8);
    for (uint32_t i = 0; i < pages; i++) {
      request->add_segment(PhysAddr(0x1000000 + i * 2 * kPageSize), kPageSize);
    }
    request->context = this;
    request->done = on_done;
    disk_->submit(*request);
    return *request;
  }

  unsigned ended = 0;
  unsigned failed = 0;
  std::array<uint8_t, kRequests> times_ended{};

 private:
  static void on_done(BlockRequest& request, Errno result) {
    auto& bench = *static_cast<Bench*>(request.context);
    bench.ended++;
    bench.failed += result != Errno::kOk;
    bench.times_ended[size_t(&request - bench.requests_)]++;
  }

  FakeDevice device_;
  VirtioBlk* disk_ = nullptr;
  BlockRequest* requests_ = nullptr;
  bool started_ = false;
};

}  // namespace

KERNEL_TEST(virtio_256_requests_end_in_any_order) {
  for (bool indirect : {true, false}) {
    Bench bench(256, indirect);
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
  Bench bench(16, true);
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
    Bench bench(16, true);
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
  Bench bench(16, true);
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
  Bench bench(16, true);
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
  Bench bench(16, true);
  EXPECT(bench.ready());
  if (!bench.ready()) return;
  bench.submit(0, BlockOperation::kFlush, 0);
  EXPECT(bench.ended == 1 && bench.failed == 0 && bench.device().offered() == 0);
}

KERNEL_TEST(virtio_large_requests_are_cut) {
  // Two segments of a KiB at most: ten pages make twenty pieces, one of which fails.
  Bench bench(64, true, {2, 1024});
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

KERNEL_TEST(virtio_submitters_wait_for_room) {
  static constinit Bench* bench = nullptr;
  static constinit std::atomic<bool> submitted{false};
  Bench small(4, false);  // room for one read
  EXPECT(small.ready());
  if (!small.ready()) return;
  bench = &small;
  submitted = false;
  constexpr uint16_t kCount = 20;
  auto thread = create_thread(
      "submitter",
      [](void*) {
        for (uint16_t i = 0; i < kCount; i++) bench->submit(i, BlockOperation::kRead, 1 + i % 2);
        submitted = true;
        exit_thread();
      },
      nullptr);
  EXPECT(thread.ok());
  if (!thread.ok()) return;
  make_ready(**thread);
  uint16_t answered = 0;
  for (unsigned looks = 0; looks < 100'000 && small.ended < kCount; looks++) {
    yield();
    EXPECT(small.device().offered() <= answered + 1);
    if (small.device().offered() == answered) continue;
    small.device().answer(small.device().head(answered++));
    small.disk().on_interrupt();
  }
  EXPECT(small.ended == kCount && small.failed == 0);
  while (!submitted) yield();
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
