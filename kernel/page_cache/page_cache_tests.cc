// Kernel tests of the page cache: reading, read-ahead, eviction (`ktest` in the monitor). Writing
// is in write_back_tests.cc.
#include <array>
#include <utility>

#include "memory/frame_allocator.h"
#include "page_cache/test_disk.h"

namespace cairn {

using namespace cache_test;

KERNEL_TEST(cache_hits_cost_no_request) {
  Disk disk;
  TestFile file(&disk);
  auto first = read_page(file, 5);
  EXPECT(first.ok() && word_of(*first, 8) == (5 * kPageSize + 8) / 8);
  EXPECT(disk.reads == 1 && disk.read_bytes == kPageSize);
  auto again = read_page(file, 5);
  EXPECT(again.ok() && &**again == &**first);
  EXPECT(disk.reads == 1 && file.page_count == 1);
  EXPECT(find_page(file, 5) && !find_page(file, 6));
}

KERNEL_TEST(cache_reads_ahead_of_a_sequential_reader) {
  Disk disk;
  TestFile file(&disk);
  ReadAhead pattern;
  constexpr uint64_t kSize = 1 << 20;
  bool right = true;
  for (uint64_t at = 0; at < kSize; at += kPageSize) {
    uint64_t words[kPageSize / 8 / 8];
    IoBuffer buffer = IoBuffer::kernel(words, sizeof(words));
    auto read = read_cached(file, buffer, at, kSize, &pattern);
    right = right && read.ok() && *read == sizeof(words) && words[3] == at / 8 + 3;
  }
  EXPECT(right);
  // 4, 8, 16, then 32 pages at a time.
  EXPECT(disk.reads <= 12 && disk.largest == kMaxWindow * kPageSize);
  uint32_t reads = disk.reads;
  for (uint64_t i = 0; i < kSize / kPageSize; i++) right = right && read_page(file, i).ok();
  EXPECT(right && disk.reads == reads);
}

KERNEL_TEST(cache_read_ahead_ends_with_the_file) {
  Disk disk;
  TestFile file(&disk);
  file.pages = 6;
  ReadAhead pattern;
  for (uint64_t i = 0; i < 6; i++) EXPECT(read_page(file, i, &pattern).ok());
  EXPECT(file.page_count == 6 && disk.read_bytes == 6 * kPageSize);
  auto behind = read_page(file, 6, &pattern);  // not on the device: zeros
  EXPECT(behind.ok() && word_of(*behind, 0) == 0 && disk.read_bytes == 6 * kPageSize);
}

KERNEL_TEST(cache_does_not_read_ahead_at_random) {
  Disk disk;
  TestFile file(&disk);
  ReadAhead pattern;
  for (uint64_t index : {7, 3, 200, 11, 90}) EXPECT(read_page(file, index, &pattern).ok());
  EXPECT(disk.reads == 5 && disk.read_bytes == 5 * kPageSize && file.page_count == 5);
}

KERNEL_TEST(cache_reads_many_pages_at_once) {
  Disk disk;
  TestFile file(&disk);
  auto* words = static_cast<uint64_t*>(heap_allocate(32 * kPageSize));
  EXPECT(words != nullptr);
  IoBuffer buffer = IoBuffer::kernel(words, 32 * kPageSize);
  auto read = read_cached(file, buffer, 512, 20 * kPageSize);
  EXPECT(read.ok() && *read == 20 * kPageSize - 512);
  EXPECT(words[0] == 64 && words[20 * kPageSize / 8 - 65] == 20 * kPageSize / 8 - 1);
  EXPECT(disk.reads == 1 && disk.largest == 20 * kPageSize);
  heap_free(words);
}

KERNEL_TEST(cache_reads_a_page_once_for_two) {
  Disk disk;
  TestFile file(&disk);
  disk.holding = true;
  std::atomic<uint32_t> good{0};
  {
    auto reader = [&] {
      auto page = read_page(file, 9);
      if (page.ok() && word_of(*page, 0) == 9 * kPageSize / 8) good++;
    };
    TestThread first(reader);
    TestThread second(reader);
    // Both wait: the cache's pin and theirs.
    auto both_wait = [&] {
      PageRef page = lookup_page(file, 9);
      return page && page->pins == 4;
    };
    EXPECT(first.wait_for(both_wait));
    EXPECT(disk.waiting == 1);
    disk.release();
  }
  EXPECT(good == 2 && disk.reads == 1);
}

KERNEL_TEST(cache_holds_an_index_once) {
  Disk disk;
  TestFile file(&disk), other_file(&disk);
  auto first = allocate_page(file, 3), second = allocate_page(file, 3);
  auto other = allocate_page(other_file, 3);
  EXPECT(first.ok() && second.ok() && other.ok());
  for (CachePage* page : {*first, *second, *other}) page->state = CachePage::kUpToDate;
  EXPECT(!insert_page(**first) && !insert_page(**other));
  PageRef there = insert_page(**second);
  EXPECT(there && &*there == *first && file.page_count == 1 && other_file.page_count == 1);
  free_cache_page(**second);
}

KERNEL_TEST(cache_reports_read_errors_and_tries_again) {
  Disk disk;
  TestFile file(&disk);
  disk.failing = true;
  EXPECT(read_page(file, 2).error() == Errno::kEIO);
  uint64_t word;
  IoBuffer buffer = IoBuffer::kernel(&word, sizeof(word));
  EXPECT(read_cached(file, buffer, 2 * kPageSize, kPageSize * 4).error() == Errno::kEIO);
  EXPECT(buffer.left() == sizeof(word) && disk.reads == 3);  // the second fetched page 3 as well
  EXPECT(!find_page(file, 2));
  disk.failing = false;
  auto page = read_page(file, 2);
  EXPECT(page.ok() && word_of(*page, 0) == 2 * kPageSize / 8);
}

KERNEL_TEST(cache_joins_blocks_and_fills_holes) {
  Disk disk;
  TestFile file(&disk, 1024);
  file.holes = 1 << 5 | 1 << 6;  // in the middle of the second page
  auto read = [&](uint64_t at) {
    uint64_t word = 99;
    IoBuffer buffer = IoBuffer::kernel(&word, sizeof(word));
    return read_cached(file, buffer, at, 1 << 20).ok() ? word : 99;
  };
  uint64_t words[3 * kPageSize / 8 / 64];
  IoBuffer buffer = IoBuffer::kernel(words, sizeof(words));
  EXPECT(read_cached(file, buffer, 0, 1 << 20).ok());
  EXPECT(disk.reads == 1 && disk.read_bytes == kPageSize);
  auto second = read_page(file, 1), third = read_page(file, 2);
  EXPECT(second.ok() && third.ok());
  EXPECT(disk.reads == 4 && disk.read_bytes == 2 * kPageSize + 2048);
  EXPECT(read(4096) == 512 && read(5120) == 0 && read(7160) == 0 && read(7168) == 896);
  EXPECT(disk.reads == 4);
}

KERNEL_TEST(cache_evicts_the_oldest_that_nobody_needs) {
  Disk disk;
  TestFile file(&disk);
  evict_pages(UINT64_MAX);  // others' pages would go first
  for (uint64_t i = 0; i < 12; i++) EXPECT(read_page(file, i).ok());
  auto dirty = read_page(file, 3), pinned = read_page(file, 5);
  EXPECT(dirty.ok() && pinned.ok());
  mark_dirty(**dirty);
  { PageRef unpinned = dirty.take(); }
  EXPECT(find_page(file, 0) && find_page(file, 1));
  EXPECT(evict_pages(4) == 4);
  for (uint64_t i : {2, 4, 6, 7}) EXPECT(!is_cached(file, i));
  for (uint64_t i : {0, 1, 3, 5, 8, 9, 10, 11}) EXPECT(is_cached(file, i));
  EXPECT(evict_pages(UINT64_MAX) >= 6);
  EXPECT(is_cached(file, 3) && is_cached(file, 5) && file.page_count == 2);
  EXPECT(disk.writes == 0);
}

/// Every second frame is the cache's, the others are taken: what it gives back never makes a run.
struct Scattered {
  static constexpr uint64_t kPages = 1500;
  Disk disk;
  TestFile file{&disk};
  // Too large for a stack.
  static constinit inline std::array<FrameNumber, kPages> between{};
  static constinit inline std::array<FrameNumber, 512> runs{};

  Scattered() {
    for (uint64_t i = 0; i < kPages; i++) {
      auto frame = allocate_frame(FrameUse::kUser);
      if (!new_page(file, i).ok() || !frame.ok()) return;
      between[i] = *frame;
    }
  }
  ~Scattered() {
    for (FrameNumber& frame : between) {
      if (frame.value != 0) free_frame(std::exchange(frame, FrameNumber(0)));
    }
    for (FrameNumber& run : runs) {
      if (run.value != 0) free_frames(std::exchange(run, FrameNumber(0)), kHugeOrder);
    }
  }
  explicit operator bool() const { return between[kPages - 1].value != 0; }
};

KERNEL_TEST_WITH(Scattered, cache_is_not_emptied_for_a_run_that_memory_lacks) {
  uint64_t before = 0;
  for (FrameNumber& run : t.runs) {
    before = t.file.page_count.load();
    auto got = allocate_frames(kHugeOrder, FrameUse::kUser);
    if (!got.ok()) break;
    run = *got;
  }
  EXPECT(before > 1000);
  EXPECT(t.file.page_count.load() + 600 > before);
}

KERNEL_TEST(cache_keeps_what_has_no_device) {
  TestFile file(nullptr);
  auto page = new_page(file, 1);
  EXPECT(page.ok());
  mark_dirty(**page);
  *reinterpret_cast<uint64_t*>((*page)->data()) = 77;
  { PageRef unpinned = page.take(); }
  evict_pages(UINT64_MAX);
  uint64_t words[2] = {1, 1};
  IoBuffer buffer = IoBuffer::kernel(words, sizeof(words));
  EXPECT(read_cached(file, buffer, kPageSize - 8, 1 << 20).ok());
  EXPECT(words[0] == 0 && words[1] == 77 && file.page_count == 1 && file.dirty_count == 0);
}

KERNEL_TEST(cache_survives_lack_of_memory) {
  Disk disk;
  TestFile file(&disk);
  EXPECT(read_page(file, 0).ok());
  evict_pages(UINT64_MAX);
  uint64_t frames = frames_in_use(FrameUse::kCache);
  uint64_t word = 0;
  IoBuffer buffer = IoBuffer::kernel(&word, sizeof(word));
  fail_frame_allocation(1);
  EXPECT(read_page(file, 1).error() == Errno::kENOMEM);
  fail_frame_allocation(1);
  EXPECT(new_page(file, 2).error() == Errno::kENOMEM);
  fail_frame_allocation(1);
  EXPECT(write_cached(file, buffer, 0, 0).error() == Errno::kENOMEM);
  EXPECT(buffer.left() == sizeof(word));
  EXPECT(frames_in_use(FrameUse::kCache) == frames && file.page_count == 0 && disk.reads == 1);
  // Reading ahead goes as far as memory does.
  ReadAhead pattern;
  fail_frame_allocation(2);
  EXPECT(read_page(file, 0, &pattern).ok());
  fail_frame_allocation(0);
  EXPECT(file.page_count == 1);
}

}  // namespace cairn
