#include "block/block_device.h"

#include "lib/format.h"
#include "metrics/counter.h"
#include "sched/wait_queue.h"

namespace cairn {

CAIRN_COUNTER(block_read_count, "block.reads");
CAIRN_COUNTER(block_write_count, "block.writes");
CAIRN_COUNTER(block_flush_count, "block.flushes");
CAIRN_COUNTER(block_read_sector_count, "block.read_sectors");
CAIRN_COUNTER(block_written_sector_count, "block.written_sectors");
CAIRN_COUNTER(block_error_count, "block.errors");

void BlockRequest::add_segment(PhysAddr address, uint32_t size) {
  ASSERT(size != 0 && is_aligned(size, kSectorSize));
  if (segment_count != 0) {
    BlockSegment& last = segments[segment_count - 1];
    bool fits = uint64_t(last.size) + size <= UINT32_MAX;
    if (last.address + last.size == address && fits) {
      last.size += size;
      return;
    }
  }
  ASSERT(segment_count < kMaxBlockSegments);
  segments[segment_count++] = {address, size};
}

uint64_t BlockRequest::size() const {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < segment_count; i++) bytes += segments[i].size;
  return bytes;
}

BlockDevice::BlockDevice(std::string_view name, uint64_t sector_count, bool read_only,
                         BlockDevice* disk)
    : sector_count_(sector_count), read_only_(read_only), disk_(disk) {
  BufferWriter(name_).write(name);
}

namespace {

void count(BlockOperation operation, uint64_t sectors) {
  switch (operation) {
    case BlockOperation::kRead:
      block_read_count.increment();
      block_read_sector_count.increment(sectors);
      break;
    case BlockOperation::kWrite:
      block_write_count.increment();
      block_written_sector_count.increment(sectors);
      break;
    case BlockOperation::kFlush: block_flush_count.increment(); break;
  }
}

}  // namespace

Errno BlockDevice::check(const BlockRequest& request) const {
  if (request.operation == BlockOperation::kFlush) return Errno::kOk;
  if (request.operation == BlockOperation::kWrite && read_only_) return Errno::kEROFS;
  uint64_t size = request.size();
  uint64_t sectors = size / kSectorSize;
  bool inside = size != 0 && is_aligned(size, kSectorSize) && sectors <= sector_count_ &&
                request.first.value <= sector_count_ - sectors;
  return inside ? Errno::kOk : Errno::kEIO;
}

void BlockDevice::submit(BlockRequest& request) {
  request.device = this;
  request.disk_first = request.first;
  for (BlockDevice* at = this; at != nullptr; at = at->disk_) {
    at->requests_.fetch_add(1, std::memory_order_relaxed);
  }
  count(request.operation, request.size() / kSectorSize);
  Errno verdict = check(request);
  if (verdict != Errno::kOk) return complete(request, verdict);
  start(request);
}

void BlockDevice::complete(BlockRequest& request, Errno result) {
  if (request.operation == BlockOperation::kWrite) {
    for (BlockDevice* at = request.device; at != nullptr; at = at->disk_) {
      at->finished_writes_.fetch_add(1);
    }
  }
  if (result != Errno::kOk) {
    block_error_count.increment();
    for (BlockDevice* at = request.device; at != nullptr; at = at->disk_) {
      at->errors_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  request.done(request, result);
}

namespace {

/// A request whose submitter sleeps until it is done. The lock makes the waiter, whose stack this is
/// on, see `finished` only when the waker has let go of everything here.
struct Awaited {
  BlockRequest request;
  Spinlock lock{"awaited request", LockRank::kBlockQueue};
  WaitQueue finish{"disk"};
  bool finished GUARDED_BY(lock) = false;
  Errno result GUARDED_BY(lock) = Errno::kOk;

  static void on_done(BlockRequest& request, Errno result) {
    auto& awaited = *static_cast<Awaited*>(request.context);
    IrqGuard guard(awaited.lock);
    awaited.finished = true;
    awaited.result = result;
    awaited.finish.wake_one();
  }

  Result<void> submit_and_wait(BlockDevice& device) {
    request.done = on_done;
    request.context = this;
    device.submit(request);
    finish.wait_until([this] {
      IrqGuard guard(lock);
      return finished;
    });
    IrqGuard guard(lock);
    if (result != Errno::kOk) return result;
    return {};
  }
};

}  // namespace

Result<void> transfer(BlockDevice& device, BlockOperation operation, SectorNumber first,
                      PhysAddr memory, uint32_t size) {
  Awaited awaited;
  awaited.request.operation = operation;
  awaited.request.first = first;
  awaited.request.add_segment(memory, size);
  return awaited.submit_and_wait(device);
}

Result<void> flush_device(BlockDevice& device) {
  Awaited awaited;
  awaited.request.operation = BlockOperation::kFlush;
  return awaited.submit_and_wait(device);
}

}  // namespace cairn
