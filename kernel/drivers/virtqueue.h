// A split virtqueue: the three rings in memory by which driver and device hand each other buffers.
//
//   descriptors   pieces of memory; one buffer is a chain of them, named by the index of its first
//   available     heads of chains that the driver offers; only the driver writes it
//   used          heads of chains that the device is done with; only the device writes it
//
// The device is not trusted: what it puts into the used ring is checked by whoever takes it out.
// Source: OASIS, "Virtual I/O Device (VIRTIO) Version 1.2", "Split Virtqueues".
#pragma once

#include <optional>
#include <span>

#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

struct VirtqDescriptor {
  static constexpr uint16_t kNext = 1;          // the chain goes on at `next`
  static constexpr uint16_t kDeviceWrites = 2;  // else it reads
  static constexpr uint16_t kIndirect = 4;      // the memory holds a table of descriptors

  uint64_t address;  // physical
  uint32_t size;     // bytes
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(VirtqDescriptor) == 16);

/// Its owner serialises all calls.
class Virtqueue {
 public:
  static constexpr uint16_t kMaxSize = 256;  // descriptors

  Virtqueue() = default;
  ~Virtqueue();
  Virtqueue(const Virtqueue&) = delete;
  Virtqueue& operator=(const Virtqueue&) = delete;

  /// Makes the rings, all descriptors free. `size` is a power of two up to kMaxSize. ENOMEM.
  Result<void> allocate(uint16_t size);

  uint16_t size() const { return size_; }
  PhysAddr descriptors() const { return memory_; }
  PhysAddr available() const { return memory_ + kPageSize; }
  PhysAddr used() const { return memory_ + kPageSize + kUsedOffset; }

  uint16_t free_count() const { return free_count_; }
  /// The head that the next offer() gives to its chain. Some must be free.
  uint16_t next_head() const { return free_; }
  /// Copies `chain`, at most free_count() descriptors whose `next` don't matter, and offers it.
  void offer(std::span<const VirtqDescriptor> chain);
  /// Whether the device wants to be told of what was offered.
  bool device_wants_notice() const;

  struct Used {
    uint32_t head;  // as the device says: unchecked
    uint32_t size;  // bytes that it says it wrote
  };
  /// The next chain that the device is done with. Its descriptors stay taken until free_chain().
  std::optional<Used> take_used();
  /// How many take_used() would give, as the device says: unchecked.
  uint16_t used_count() const;
  /// Frees the descriptors of the chain at `head`, which offer() made.
  void free_chain(uint16_t head);

 private:
  struct Available {
    uint16_t flags;
    uint16_t index;  // how many were ever offered, modulo 2^16
    uint16_t ring[kMaxSize];
  };
  struct UsedRing {
    uint16_t flags;
    uint16_t index;
    Used ring[kMaxSize];
  };
  // The descriptors fill a page; the next has the other rings.
  static constexpr uint64_t kUsedOffset = 1024;  // bytes, after the available ring
  static_assert(kMaxSize * sizeof(VirtqDescriptor) <= kPageSize);
  static_assert(sizeof(Available) <= kUsedOffset && kUsedOffset + sizeof(UsedRing) <= kPageSize);

  PhysAddr memory_{};
  VirtqDescriptor* table_ = nullptr;
  Available* available_ = nullptr;
  UsedRing* used_ = nullptr;
  uint16_t size_ = 0;
  uint16_t free_ = 0;  // first of the free descriptors, chained by links_
  uint16_t free_count_ = 0;
  uint16_t used_seen_ = 0;  // how many were ever taken, modulo 2^16
  // Which descriptor follows, of free ones and of chains. Kept apart from the table, which the device
  // could write to.
  uint16_t links_[kMaxSize] = {};
  uint16_t lengths_[kMaxSize] = {};  // of the chain at each head
};

}  // namespace cairn
