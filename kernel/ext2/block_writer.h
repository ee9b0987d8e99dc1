// Writes blocks, neighbours in one request, several requests in flight.
#pragma once

#include "block/block_device.h"
#include "sched/wait_queue.h"

namespace cairn::ext2 {

class BlockWriter {
 public:
  BlockWriter(BlockDevice& device, uint32_t block_size)
      : device_(device), block_size_(block_size) {}
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  /// Starts, sooner or later, writing a block from `memory` (in the direct map), which stays as it is
  /// until finish(). Faster in order of numbers. May sleep.
  void add(BlockNumber number, uint8_t* memory);
  /// Waits for everything added. EIO if any of it failed. May sleep.
  Result<void> finish();

 private:
  static constexpr uint32_t kRequests = 16;

  void submit_last();
  void wait();

  BlockDevice& device_;
  const uint32_t block_size_;
  BlockRequest requests_[kRequests];
  uint32_t used_ = 0;  // of them; the last one is being filled
  uint64_t next_number_ = 0;

  Spinlock lock_{"block writer", LockRank::kBlockQueue};
  uint32_t in_flight_ GUARDED_BY(lock_) = 0;
  bool failed_ GUARDED_BY(lock_) = false;
  WaitQueue queue_{"disk"};
};

}  // namespace cairn::ext2
