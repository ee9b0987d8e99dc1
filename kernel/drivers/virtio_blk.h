// Disks that QEMU and other hypervisors offer: virtio block devices, with one queue on which as many
// requests are under way as it has room for.
// Source: OASIS, "Virtual I/O Device (VIRTIO) Version 1.2", "Block Device".
#pragma once

#include <array>

#include "block/block_device.h"
#include "drivers/request_cutter.h"
#include "drivers/virtio.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace cairn {

/// Finds all virtio block devices and adds them as vda, vdb, … in the order of PCI. Devices that can't
/// be driven are logged and left out. Once, at boot; may sleep (partitions are read).
void start_virtio_disks();

class VirtioBlk final : public BlockDevice {
 public:
  /// What the device says of itself.
  struct Description {
    uint64_t sectors = 0;
    bool read_only = false;
    bool flush = false;     // it has a cache to flush
    bool indirect = false;  // it takes tables of descriptors
    RequestLimits limits{kMaxBlockSegments, kLargestSegment};
  };
  static constexpr uint32_t kLargestSegment = 1 << 20;  // bytes; where the device names no limit

  VirtioBlk(std::string_view name, const VirtioDevice& device, const Description& description);
  ~VirtioBlk();

  /// Reads from the device what it says and agrees on features. ENODEV, logged.
  static Result<Description> describe(VirtioDevice& device);
  /// Sets up the queue and lets the device work; nobody else knows of it yet. `interrupts` is false for tests, which call
  /// on_interrupt() themselves. ENODEV, ENOMEM, ENOSPC.
  Result<void> start_queue(bool interrupts = true) NO_THREAD_SAFETY_ANALYSIS;

  /// Completes what the device is done with. From its interrupt.
  void on_interrupt();
  /// Looks what the device wants to tell. From its other interrupt.
  void on_config_interrupt();
  /// Whether it was given up, so that every request fails.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }

 private:
  struct Command;  // what the device sees of one piece of a request
  /// What we know of one, by the head of its chain. Kept apart from memory that the device may write.
  struct Slot {
    Command* command = nullptr;
    BlockRequest* request = nullptr;  // null: not under way
    uint64_t written = 0;             // bytes that the device writes at most
  };
  /// What is to be done once the lock is left.
  struct Finished {
    List<BlockRequest, &BlockRequest::link> requests;
    bool wake = false;  // those who wait for room
  };

  void start(BlockRequest& request) override;
  Result<void> allocate_commands(uint16_t count) NO_THREAD_SAFETY_ANALYSIS;
  bool try_offer(BlockRequest& request, const RequestCutter& cutter,
                 const RequestCutter::Piece& piece);
  void offer(BlockRequest& request, const RequestCutter& cutter, const RequestCutter::Piece& piece)
      REQUIRES(lock_);
  void take_finished(Finished& finished) REQUIRES(lock_);
  Errno result_of(const Slot& slot, uint32_t written) REQUIRES(lock_);
  /// One piece of the request is over; when it was the last, the request goes to `finished`.
  void end_piece(BlockRequest& request, Errno result, Finished& finished) REQUIRES(lock_);
  void note_error(const BlockRequest& request, unsigned status) REQUIRES(lock_);
  /// Resets the device and fails all that is under way and all that comes.
  void give_up(const char* why, Finished& finished) REQUIRES(lock_);
  void finish(Finished& finished);

  // Set before the first request.
  VirtioDevice device_;
  Description description_;
  std::array<FrameNumber, 40> command_frames_{};

  std::atomic<bool> broken_{false};
  WaitQueue room_{"disk queue"};
  Spinlock lock_{"virtio-blk", LockRank::kBlockQueue};
  Virtqueue queue_ GUARDED_BY(lock_);
  std::array<Slot, Virtqueue::kMaxSize> slots_ GUARDED_BY(lock_){};
  bool starved_ GUARDED_BY(lock_) = false;  // somebody waits for room
  unsigned errors_told_ GUARDED_BY(lock_) = 0;
};

}  // namespace cairn
