// For kernel tests: a virtio disk made of memory that answers as it is told, and requests to it.
#pragma once

#include <array>

#include "arch/layout.h"
#include "drivers/virtio_blk.h"
#include "memory/heap.h"

namespace cairn {

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

/// Such a device with its driver, and requests to it that count how they end.
class FakeDisk {
 public:
  FakeDisk(uint16_t size, bool indirect, RequestLimits limits = {kMaxBlockSegments, 1 << 20})
      : device_(size) {
    VirtioBlk::Description description;
    description.sectors = 4096;
    description.indirect = indirect;
    description.limits = limits;
    disk_ = new_object<VirtioBlk>("ktest", device_.driver_side(), description);
    started_ = disk_ != nullptr && disk_->start_queue(false).ok();
    requests_ = static_cast<BlockRequest*>(heap_allocate(kRequests * sizeof(BlockRequest)));
  }
  ~FakeDisk() {
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
    auto& fake = *static_cast<FakeDisk*>(request.context);
    fake.ended++;
    fake.failed += result != Errno::kOk;
    fake.times_ended[size_t(&request - fake.requests_)]++;
  }

  FakeDevice device_;
  VirtioBlk* disk_ = nullptr;
  BlockRequest* requests_ = nullptr;
  bool started_ = false;
};

}  // namespace cairn
