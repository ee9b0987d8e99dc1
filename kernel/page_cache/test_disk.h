// For the cache's kernel tests: a disk in memory that counts, fails and waits on demand, and a file
// on it whose blocks lie where the test says.
#pragma once

#include <algorithm>
#include <utility>

#include "debug/kernel_test.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "page_cache/parts.h"
#include "sched/scheduler.h"
#include "sched/test_waits.h"

namespace cairn::cache_test {

inline constexpr uint64_t kPageSectors = kPageSize / kSectorSize;
inline constexpr uint64_t kDiskSectors = (2u << 20) / kSectorSize;

class Disk final : public BlockDevice {
 public:
  Disk() : BlockDevice("test", kDiskSectors, false) {
    memory_ = static_cast<uint64_t*>(heap_allocate(kDiskSectors * kSectorSize));
    for (uint64_t i = 0; memory_ != nullptr && i < kDiskSectors * kSectorSize / 8; i++) {
      memory_[i] = i;
    }
  }
  ~Disk() { heap_free(memory_); }

  /// The 8-byte word at a byte offset; at first, the offset / 8.
  uint64_t& word(uint64_t offset) { return memory_[offset / 8]; }
  bool good() const { return memory_ != nullptr; }

  // What was asked of it.
  uint32_t reads = 0, writes = 0;  // requests
  uint64_t read_bytes = 0, written_bytes = 0;
  uint64_t largest = 0;              // bytes of one request
  std::atomic<uint32_t> waiting{0};  // requests held back

  // What it does.
  bool failing = false;
  std::atomic<bool> holding{false};
  void release() {
    holding = false;
    while (BlockRequest* request = held_.pop_front()) finish(*request);
  }

 private:
  void start(BlockRequest& request) override {
    bool write = request.operation == BlockOperation::kWrite;
    (write ? writes : reads)++;
    (write ? written_bytes : read_bytes) += request.size();
    largest = std::max(largest, request.size());
    if (!holding) return finish(request);
    held_.push_back(request);
    waiting++;
  }
  void finish(BlockRequest& request) {
    if (failing) return request.done(request, Errno::kEIO);
    uint64_t at = request.first.value * kSectorSize;
    for (uint32_t i = 0; i < request.segment_count; i++) {
      void* memory = direct_map(request.segments[i].address);
      uint64_t size = request.segments[i].size;
      if (request.operation == BlockOperation::kWrite) {
        memcpy(&word(at), memory, size);
      } else {
        memcpy(memory, &word(at), size);
      }
      at += size;
    }
    request.done(request, Errno::kOk);
  }

  uint64_t* memory_;
  List<BlockRequest, &BlockRequest::link> held_;
};

/// Blocks in order from the disk's first on, but for `holes`.
class TestFile final : public CacheOwner {
 public:
  explicit TestFile(BlockDevice* disk, uint32_t block_size = kPageSize)
      : CacheOwner(disk, block_size) {}
  ~TestFile() { drop_pages(*this); }

  uint64_t holes = 0;  // bit n: block n is one
  uint64_t pages = kDiskSectors / kPageSectors;
  uint32_t became_dirty = 0;
  /// Called before a page is located, so that something happens in the middle of reads and writes.
  void (*before_locating)(TestFile& file, uint64_t index) = nullptr;

  Result<void> locate_page(uint64_t index, std::span<uint64_t> sectors) override {
    if (before_locating != nullptr) before_locating(*this, index);
    uint64_t block = index * sectors.size();
    for (uint64_t& at : sectors) {
      bool hole = block < 64 && (holes >> block & 1) != 0;
      at = hole ? kHole : block * (block_size / kSectorSize);
      block++;
    }
    return {};
  }
  uint64_t page_limit() override { return pages; }
  void on_dirty() override { became_dirty++; }
};

inline uint64_t word_of(const PageRef& page, uint64_t offset) {
  return reinterpret_cast<const uint64_t*>(page->data())[offset / 8];
}
inline bool is_cached(CacheOwner& owner, uint64_t index) { return bool(lookup_page(owner, index)); }

/// Runs `function` in a thread of its own and waits for its end in the destructor.
template <class Function>
class TestThread {
 public:
  explicit TestThread(Function function) : function_(function) {
    auto thread = create_thread("cache test", run, this);
    if (thread.ok()) {
      make_ready(**thread);
    } else {
      done_ = true;
    }
  }
  ~TestThread() {
    wait_for([this] { return done_.load(); });
  }
  TestThread(const TestThread&) = delete;
  TestThread& operator=(const TestThread&) = delete;

  /// Waits until `condition()`; false if that takes too long.
  template <class Condition>
  static bool wait_for(Condition condition) {
    return is_reached(condition);
  }

 private:
  static void run(void* self) {
    auto* thread = static_cast<TestThread*>(self);
    thread->function_();
    thread->done_ = true;
    exit_thread();
  }
  Function function_;
  std::atomic<bool> done_{false};
};

}  // namespace cairn::cache_test
