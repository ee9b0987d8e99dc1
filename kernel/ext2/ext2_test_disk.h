// For ext2's kernel tests: a disk in memory of 1 KiB blocks that keeps a log of what is written and
// flushed, fails on demand and waits on demand.
#pragma once

#include <algorithm>

#include "debug/kernel_test.h"
#include "ext2/allocation.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"

namespace cairn::ext2::test {

inline constexpr uint32_t kBlockSize = 1024;
inline constexpr uint32_t kGroups = 4, kBlocksPerGroup = 256, kInodesPerGroup = 64;
inline constexpr uint64_t kBlocks = 1 + kGroups * kBlocksPerGroup;
inline constexpr uint32_t kTableBlocks = kInodesPerGroup * 128 / kBlockSize;

class LoggingDisk final : public BlockDevice {
 public:
  struct Event {
    bool is_flush = false;
    uint64_t block = 0;
    uint8_t data[kBlockSize];
  };
  static constexpr unsigned kMaxEvents = 200;

  LoggingDisk() : BlockDevice("test", kBlocks * kBlockSize / kSectorSize, false) {
    memory_ = static_cast<uint8_t*>(heap_allocate(kBlocks * kBlockSize));
    events_ = static_cast<Event*>(heap_allocate(kMaxEvents * sizeof(Event)));
  }
  bool good() const { return memory_ != nullptr && events_ != nullptr; }
  /// All zeros, an empty log, nothing in the cache.
  void reset() {
    fail_after = UINT64_MAX;
    unreadable = 0;
    holding = false;
    memset(memory_, 0, kBlocks * kBlockSize);
    event_count = 0;
    auto pages = device_pages(*this);
    if (pages.ok()) drop_pages(**pages);
  }

  uint8_t* block(uint64_t number) { return memory_ + number * kBlockSize; }
  uint32_t word(uint64_t number, uint32_t offset) {
    uint32_t value;
    memcpy(&value, block(number) + offset, 4);
    return value;
  }
  const Event& event(unsigned index) const { return events_[index]; }
  /// The n-th write (from 0) of the block since the log was cleared; null if there are fewer.
  const Event* write(uint64_t number, unsigned n) const {
    for (unsigned i = 0; i < event_count; i++) {
      if (!events_[i].is_flush && events_[i].block == number && n-- == 0) return &events_[i];
    }
    return nullptr;
  }
  unsigned writes(uint64_t number) const {
    unsigned count = 0;
    while (write(number, count) != nullptr) count++;
    return count;
  }
  unsigned flushes() const {
    unsigned count = 0;
    for (unsigned i = 0; i < event_count; i++) count += events_[i].is_flush ? 1 : 0;
    return count;
  }
  /// How many flushes lie before a write.
  unsigned flushes_before(const Event* write) const {
    unsigned count = 0;
    for (const Event* at = events_; at != write; at++) count += at->is_flush ? 1 : 0;
    return count;
  }

  unsigned event_count = 0;
  uint64_t fail_after = UINT64_MAX;  // so many requests succeed, then one fails
  uint64_t unreadable = 0;           // a block; 0: none
  std::atomic<bool> holding{false};
  std::atomic<unsigned> held{0};
  void release() {
    holding = false;
    while (BlockRequest* request = held_.pop_front()) {
      held--;
      perform(*request);
    }
  }

 private:
  void start(BlockRequest& request) override {
    if (!holding || request.operation == BlockOperation::kRead) return perform(request);
    held_.push_back(request);
    held++;
  }
  void perform(BlockRequest& request) {
    bool is_read = request.operation == BlockOperation::kRead;
    if (!is_read && fail_after != UINT64_MAX && fail_after-- == 0) {
      fail_after = UINT64_MAX;
      return complete(request, Errno::kEIO);
    }
    const uint64_t first = request.disk_first.value * kSectorSize / kBlockSize;
    if (is_read && unreadable != 0 && first <= unreadable &&
        unreadable < first + request.size() / kBlockSize) {
      return complete(request, Errno::kEIO);
    }
    if (request.operation == BlockOperation::kFlush) log(true, 0);
    uint8_t* at = memory_ + request.disk_first.value * kSectorSize;
    for (uint32_t i = 0; i < request.segment_count; i++) {
      void* memory = direct_map(request.segments[i].address);
      uint32_t size = request.segments[i].size;
      memcpy(is_read ? memory : at, is_read ? at : memory, size);
      for (uint32_t done = 0; !is_read && done < size; done += kBlockSize) {
        log(false, uint64_t(at + done - memory_) / kBlockSize);
      }
      at += size;
    }
    complete(request, Errno::kOk);
  }
  void log(bool is_flush, uint64_t number) {
    if (event_count == kMaxEvents) return;
    Event& event = events_[event_count++];
    event.is_flush = is_flush;
    event.block = number;
    if (!is_flush) memcpy(event.data, block(number), kBlockSize);
  }

  uint8_t* memory_;
  Event* events_;
  List<BlockRequest, &BlockRequest::link> held_;
};

inline uint32_t word_of(const LoggingDisk::Event* event, uint32_t offset) {
  uint32_t value = UINT32_MAX;
  if (event != nullptr) memcpy(&value, event->data + offset, 4);
  return value;
}

/// The same at each call, since the cache keeps devices for ever; null without memory.
inline LoggingDisk* test_disk() {
  static constinit LoggingDisk* disk = nullptr;
  if (disk == nullptr) disk = new_object<LoggingDisk>();
  if (disk == nullptr || !disk->good()) return nullptr;
  disk->reset();
  return disk;
}

}  // namespace cairn::ext2::test
