// Block devices: arrays of 512-byte sectors that are read and written by requests. A device works
// on many requests at once and finishes them in any order.
//
// A request belongs to its submitter, stays where it is until `done` was called, and may be used
// again from then on. Nothing is retried and nothing swallowed: an error reaches `done`.
#pragma once

#include <atomic>
#include <string_view>

#include "lib/list.h"
#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

using SectorNumber = Number<struct SectorNumberTag>;  // of 512 bytes, from the device's start

inline constexpr uint64_t kSectorSize = 512;       // bytes
inline constexpr unsigned kMaxBlockSegments = 32;  // pieces of memory one request may touch

enum class BlockOperation : uint8_t {
  kRead,
  kWrite,
  kFlush,  // what was written before is on the medium once this is done; no segments
};

/// A piece of memory, in RAM.
struct BlockSegment {
  PhysAddr address;
  uint32_t size;  // bytes, a multiple of kSectorSize
};

struct BlockRequest {
  BlockOperation operation = BlockOperation::kRead;
  SectorNumber first{};
  uint32_t segment_count = 0;
  BlockSegment segments[kMaxBlockSegments] = {};

  /// Called exactly once, with kOk, kEIO or kEROFS, from an interrupt handler or from within submit(): must
  /// not sleep, and may take only spinlocks that handlers take (IrqGuard).
  void (*done)(BlockRequest& request, Errno result) = nullptr;
  void* context = nullptr;  // the submitter's

  // The device's, while it works on the request.
  ListLink link;
  class BlockDevice* device = nullptr;  // the one it was submitted to
  SectorNumber disk_first{};            // `first` on the whole disk
  uint32_t parts = 0;                   // pieces of it that the disk still has
  Errno result = Errno::kOk;

  /// Adds memory to read to or write from; one segment with the last if they adjoin. At most
  /// kMaxBlockSegments.
  void add_segment(PhysAddr address, uint32_t size);
  uint64_t size() const;  // bytes of all segments
};

class BlockDevice {
 public:
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;

  std::string_view name() const { return name_; }  // such as "vda", "vda1", "ram0"
  uint64_t sector_count() const { return sector_count_; }
  bool read_only() const { return read_only_; }

  /// Whether both have sectors in common: one is the other, or a partition of it.
  bool overlaps(const BlockDevice& other) const {
    return this == &other || disk_ == &other || other.disk_ == this;
  }

  /// Requests submitted, those to its partitions included, and how many of them failed. Snapshots.
  uint64_t request_count() const { return requests_.load(std::memory_order_relaxed); }
  uint64_t error_count() const { return errors_.load(std::memory_order_relaxed); }
  /// Writes that have ended, well or not. A flush covers those that were counted before it.
  uint64_t finished_write_count() const { return finished_writes_.load(); }

  /// Starts a request; checks its range (EIO beyond the end, EROFS for writes to a read-only
  /// device, both through done()) and counts it. Waits only where the device's queue is full, so
  /// callers hold no spinlock; from an interrupt handler it must not be called.
  void submit(BlockRequest& request);

  ListLink registry_link;  // block/registry.cc

 protected:
  /// `disk`: the device that this is a part of; null for a whole one.
  BlockDevice(std::string_view name, uint64_t sector_count, bool read_only,
              BlockDevice* disk = nullptr);
  ~BlockDevice() = default;  // devices stay for ever

  /// Counts the request's end and calls done(): the last thing a device does with it. No lock held.
  static void complete(BlockRequest& request, Errno result);

 private:
  friend class Partition;
  /// Starts a request that lies within the device, at request.disk_first. Ends in complete().
  virtual void start(BlockRequest& request) = 0;
  Errno check(const BlockRequest& request) const;

  char name_[16] = {};
  uint64_t sector_count_;
  bool read_only_;
  BlockDevice* disk_;
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> errors_{0};
  std::atomic<uint64_t> finished_writes_{0};
};

/// Submits and waits: reads or writes `size` bytes (a multiple of kSectorSize) of contiguous memory.
/// EIO. May sleep; no spinlock held.
Result<void> transfer(BlockDevice& device, BlockOperation operation, SectorNumber first,
                      PhysAddr memory, uint32_t size);
/// Submits a flush and waits. EIO.
Result<void> flush_device(BlockDevice& device);

// ---- The devices there are (block/registry.cc) -------------------------------------------------

/// Makes a device known by its name, and its partitions by theirs (block/partition.cc): "vda1".
/// At boot, from one thread; afterwards the registry doesn't change and needs no lock.
void add_block_device(BlockDevice& device);
/// Null if there is none of that name.
BlockDevice* find_block_device(std::string_view name);
/// The device after `previous` in order of discovery, partitions after their disk; null at the end.
BlockDevice* next_block_device(const BlockDevice* previous);

/// Reads the MBR or GPT of `disk` and adds a device for each partition. Damaged tables are logged
/// and give no partition. Source: UEFI Specification, "GUID Partition Table (GPT) Disk Layout".
void add_partitions(BlockDevice& disk);

}  // namespace cairn
