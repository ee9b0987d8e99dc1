// disks; and for developers and the harness sectors, fill-sectors, flush-disk, disk-bench: disks below
// any file system.
#include "arch/layout.h"
#include "block/block_device.h"
#include "lib/crc32.h"
#include "memory/heap.h"
#include "monitor/command.h"
#include "monitor/disk_bench.h"
#include "sched/wait_queue.h"
#include "sync/guarded.h"

namespace cairn {

namespace {

Result<BlockDevice*> parse_device(MonitorSession& session, std::string_view name) {
  BlockDevice* device = find_block_device(name);
  if (device == nullptr) {
    return session.fail(Errno::kENODEV, "{}: no such disk; 'disks' lists them", name);
  }
  return device;
}

Result<void> disks(MonitorSession& session, Arguments) {
  for (BlockDevice* at = nullptr; (at = next_block_device(at)) != nullptr;) {
    print(session.out, "name={} sectors={} read_only={} requests={} errors={}\n", at->name(),
          at->sector_count(), at->read_only() ? 1 : 0, at->request_count(), at->error_count());
  }
  return {};
}

constexpr unsigned kAtOnce = 64;  // requests under way
constexpr uint32_t kChunk = 8;    // sectors of one request
constexpr uint32_t kBatch = kAtOnce * kChunk;
constexpr uint64_t kMostSectors = 1 << 20;

/// Many requests under way at once, each of kChunk sectors in scattered memory, submitted out of order.
class Batch {
 public:
  ~Batch() {
    heap_free(memory_);
    heap_free(requests_);
  }
  Result<void> allocate() {
    memory_ = static_cast<uint8_t*>(heap_allocate(kBatch * kSectorSize));
    requests_ = static_cast<BlockRequest*>(heap_allocate(kAtOnce * sizeof(BlockRequest)));
    if (memory_ == nullptr || requests_ == nullptr) return Errno::kENOMEM;
    return {};
  }

  /// Where sector `index` of the batch is. Those of one request don't adjoin, so that each is a segment of
  /// its own.
  uint8_t* sector(uint32_t index) {
    return memory_ + (index % kChunk * kAtOnce + index / kChunk) * kSectorSize;
  }

  /// Reads or writes `count` sectors, at most kBatch. The first error of any request.
  Result<void> run(BlockDevice& device, BlockOperation operation, uint64_t first, uint32_t count) {
    uint32_t requests = (count + kChunk - 1) / kChunk;
    state_.with([requests](State& state) { state = {requests, Errno::kOk}; });
    for (uint32_t i = 0; i < kAtOnce; i++) {
      uint32_t index = i * 37 % kAtOnce;
      if (index < requests) submit(device, operation, first, count, index);
    }
    finish_.wait_until([this] { return state_.with([](State& s) { return s.pending == 0; }); });
    Errno result = state_.with([](State& state) { return state.result; });
    if (result != Errno::kOk) return result;
    return {};
  }

 private:
  struct State {
    uint32_t pending = 0;
    Errno result = Errno::kOk;
  };

  void submit(BlockDevice& device, BlockOperation operation, uint64_t first, uint32_t count,
              uint32_t index) {
    uint32_t at = index * kChunk;
    uint32_t sectors = count - at < kChunk ? count - at : kChunk;
    auto* request = new (requests_ + index) BlockRequest;
    request->operation = operation;
    request->first = SectorNumber(first + at);
    for (uint32_t i = at; i < at + sectors; i++) {
      request->add_segment(physical_of(sector(i)), kSectorSize);
    }
    request->done = on_done;
    request->context = this;
    device.submit(*request);
  }

  static void on_done(BlockRequest& request, Errno result) {
    auto& batch = *static_cast<Batch*>(request.context);
    batch.state_.with([&](State& state) {
      if (result != Errno::kOk) state.result = result;
      if (--state.pending == 0) batch.finish_.wake_all();
    });
  }

  uint8_t* memory_ = nullptr;
  BlockRequest* requests_ = nullptr;
  Guarded<State> state_{"sector batch", LockRank::kBlockQueue};
  WaitQueue finish_{"disk"};
};

struct SectorRange {
  BlockDevice* device;
  uint64_t first;
  uint64_t count;
};

Result<SectorRange> parse_range(MonitorSession& session, Arguments words) {
  SectorRange range{};
  range.device = TRY(parse_device(session, words[0]));
  range.first = TRY(parse_number(session, words[1], "first sector"));
  range.count = TRY(parse_number(session, words[2], "count"));
  if (range.count > kMostSectors) {
    return session.fail(Errno::kEINVAL, "at most {} sectors at once", kMostSectors);
  }
  return range;
}

/// Calls `use(batch, first, count)` for each piece of the range.
template <class Use>
Result<void> in_batches(MonitorSession& session, const SectorRange& range, Use use) {
  Batch batch;
  TRY(batch.allocate());
  for (uint64_t done = 0; done < range.count;) {
    uint64_t left = range.count - done;
    auto count = uint32_t(left < kBatch ? left : kBatch);
    Result<void> result = use(batch, range.first + done, count);
    if (!result.ok()) {
      return session.fail(result.error(), "{}: in sectors {} to {}", range.device->name(),
                          range.first + done, range.first + done + count - 1);
    }
    done += count;
  }
  return {};
}

Result<void> sectors(MonitorSession& session, Arguments words) {
  SectorRange range = TRY(parse_range(session, words));
  return in_batches(session, range,
                    [&](Batch& batch, uint64_t first, uint32_t count) -> Result<void> {
                      TRY(batch.run(*range.device, BlockOperation::kRead, first, count));
                      for (uint32_t i = 0; i < count; i++) {
                        bool line_ends = i % 8 == 7 || i + 1 == count;
                        print(session.out, "{:08h}{}", crc32({batch.sector(i), kSectorSize}),
                              line_ends ? "\n" : " ");
                      }
                      return {};
                    });
}

/// The n-th number that follows from `seed` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", SplitMix64).
uint64_t random_word(uint64_t seed, uint64_t n) {
  uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

Result<void> fill_sectors(MonitorSession& session, Arguments arguments) {
  SectorRange range = TRY(parse_range(session, arguments));
  uint64_t seed = TRY(parse_number(session, arguments[3], "seed"));
  return in_batches(session, range, [&](Batch& batch, uint64_t first, uint32_t count) {
    constexpr uint64_t kWords = kSectorSize / sizeof(uint64_t);
    for (uint32_t i = 0; i < count; i++) {
      auto* words = reinterpret_cast<uint64_t*>(batch.sector(i));
      for (uint64_t k = 0; k < kWords; k++) words[k] = random_word(seed, (first + i) * kWords + k);
    }
    return batch.run(*range.device, BlockOperation::kWrite, first, count);
  });
}

Result<void> flush_disk(MonitorSession& session, Arguments words) {
  BlockDevice* device = TRY(parse_device(session, words[0]));
  auto result = flush_device(*device);
  if (!result.ok()) return session.fail(result.error(), "{}: flush", device->name());
  return {};
}

Result<void> disk_bench(MonitorSession& session, Arguments words) {
  return run_disk_bench(session, *TRY(parse_device(session, words[0])));
}

constexpr Command kCommands[] = {
    {"disks", "", "disks, partitions: size, requests, errors", disks, 0, 0},
    {"sectors", "DISK FIRST COUNT", "read sectors; prints the CRC-32 of each", sectors, 3, 3},
    {"fill-sectors", "DISK FIRST COUNT SEED", "overwrite sectors with random bytes", fill_sectors,
     4, 4},
    {"flush-disk", "DISK", "empty the disk's cache onto its medium", flush_disk, 1, 1},
    {"disk-bench", "DISK", "instructions per request (under -icount)", disk_bench, 1, 1},
};

}  // namespace

std::span<const Command> disk_commands() { return kCommands; }

}  // namespace cairn
