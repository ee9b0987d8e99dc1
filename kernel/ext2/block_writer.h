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
  static constexpr unsigned kRequests = 8;

  void submit();
  static void on_done(BlockRequest& request, Errno result);

  BlockDevice& device_;
  const uint32_t block_size_;
  BlockRequest requests_[kRequests];
  BlockRequest* filling_ = nullptr;
  uint64_t next_number_ = 0;

  Spinlock lock_{"block writer", LockRank::kBlockQueue};
  uint32_t busy_ GUARDED_BY(lock_) = 0;  // bit n: request n is the device's
  Errno error_ GUARDED_BY(lock_) = Errno::kOk;
  WaitQueue queue_{"disk"};
};

}  // namespace cairn::ext2
