// Kernel tests of the page cache: writing and dropping.
#include "memory/frame_allocator.h"
#include "page_cache/test_disk.h"
#include "sched/test_waits.h"

namespace cairn {

using namespace cache_test;

namespace {

bool write_words(CacheOwner& file, uint64_t at, uint64_t count, uint64_t value, uint64_t size) {
  uint64_t words[64];
  std::fill_n(words, count, value);
  IoBuffer buffer = IoBuffer::kernel(words, count * 8);
  auto written = write_cached(file, buffer, at, size);
  return written.ok() && *written == count * 8 && buffer.left() == 0;
}

/// Overwrites the first word of a page.
bool change(CacheOwner& file, uint64_t index, uint64_t value) {
  return write_words(file, index * kPageSize, 1, value, UINT64_MAX);
}

}  // namespace

KERNEL_TEST(cache_writes_in_order_and_joined) {
  Disk disk;
  TestFile file(&disk);
  for (uint64_t i = 64; i-- > 0;) {
    auto page = new_page(file, i);
    EXPECT(page.ok());
    *reinterpret_cast<uint64_t*>((*page)->data()) = 1000 + i;
    mark_dirty(**page);
    mark_dirty(**page);
  }
  EXPECT(file.dirty_count == 64 && file.became_dirty == 1);
  EXPECT(write_back(file).ok());
  EXPECT(disk.writes == 2 && disk.written_bytes == 64 * kPageSize && file.dirty_count == 0);
  EXPECT(disk.word(0) == 1000 && disk.word(63 * kPageSize) == 1063);
  EXPECT(write_back(file).ok() && disk.writes == 2 && disk.reads == 0);
}

KERNEL_TEST(cache_writes_back_a_range) {
  Disk disk;
  TestFile file(&disk);
  for (uint64_t i = 0; i < 300; i++) EXPECT(new_page(file, i).ok());
  for (uint64_t i = 0; i < 300; i++) EXPECT(change(file, i, i));
  EXPECT(write_back(file, 250, 3).ok());
  EXPECT(disk.writes == 1 && disk.written_bytes == 3 * kPageSize && file.dirty_count == 297);
  EXPECT(write_back(file).ok() && disk.written_bytes == 300 * kPageSize && file.dirty_count == 0);
}

/// The page's requests would end twice, and the second one might find it gone.
KERNEL_TEST(cache_writes_no_page_that_is_under_write) {
  Disk disk;
  TestFile file(&disk);
  for (uint64_t i = 0; i < 260; i++) EXPECT(new_page(file, i).ok());
  for (uint64_t i = 0; i < 260; i++) EXPECT(change(file, i, i));
  // When the first 128 are on their way one of them is changed, and the file is cut.
  file.before_locating = [](TestFile& file, uint64_t index) {
    if (index != 127) return;
    mark_dirty(*find_page(file, 0));
    drop_pages(file, 200);
  };
  disk.holding = true;
  {
    TestThread writer([&file] { (void)write_back(file); });
    EXPECT(writer.wait_for([&disk] { return disk.waiting >= 7; }));  // of 32 pages
    let_others_run();
    disk.release();
  }
  EXPECT(disk.written_bytes == 200 * kPageSize && file.dirty_count == 1);
  EXPECT(write_back(file).ok() && disk.written_bytes == 201 * kPageSize && file.dirty_count == 0);
}

KERNEL_TEST(cache_partial_overwrite_reads_first) {
  Disk disk;
  TestFile file(&disk);
  EXPECT(write_words(file, 800, 2, 7, 2 * kPageSize));
  EXPECT(disk.reads == 1);
  auto page = read_page(file, 0);
  EXPECT(page.ok() && word_of(*page, 792) == 99 && word_of(*page, 808) == 7);
  EXPECT(word_of(*page, 816) == 102);
  EXPECT(write_back(file).ok() && disk.word(800) == 7 && disk.word(816) == 102);
  // From a page's first byte, but not to the end of what was there.
  EXPECT(write_words(file, 3 * kPageSize, 2, 7, 3 * kPageSize + 24));
  auto last = read_page(file, 3);
  EXPECT(last.ok() && word_of(*last, 8) == 7 && word_of(*last, 16) == (3 * kPageSize + 16) / 8);
}

KERNEL_TEST(cache_writes_behind_the_end_without_reading) {
  Disk disk;
  TestFile file(&disk);
  EXPECT(write_words(file, kPageSize + 64, 4, 7, kPageSize));          // a page of its own
  EXPECT(write_words(file, 4 * kPageSize, 4, 8, 4 * kPageSize + 32));  // all that there was of it
  EXPECT(write_words(file, 8 * kPageSize - 8, 2, 9, 7 * kPageSize));   // two pages
  EXPECT(disk.reads == 0);
  auto page = read_page(file, 1);
  EXPECT(page.ok() && word_of(*page, 56) == 0 && word_of(*page, 64) == 7 &&
         word_of(*page, 96) == 0);
  auto last = read_page(file, 4);
  EXPECT(last.ok() && word_of(*last, 24) == 8 && word_of(*last, 32) == 0);
  EXPECT(file.dirty_count == 4);
}

KERNEL_TEST(cache_keeps_old_bytes_when_the_source_faults) {
  Disk disk;
  TestFile file(&disk);
  IoBuffer nowhere = IoBuffer::user(VirtAddr(0x1000), kPageSize);
  EXPECT(write_cached(file, nowhere, 0, kPageSize).error() == Errno::kEFAULT);
  EXPECT(nowhere.left() == kPageSize && file.dirty_count == 0);
  auto page = read_page(file, 0);
  EXPECT(page.ok() && word_of(*page, 8) == 1);
  EXPECT(write_cached(file, nowhere, kPageSize, kPageSize).error() == Errno::kEFAULT);
  EXPECT(!is_cached(file, 1) && file.dirty_count == 0);
}

KERNEL_TEST(cache_reports_write_errors) {
  Disk disk;
  TestFile file(&disk);
  EXPECT(change(file, 0, 5) && change(file, 1, 6));
  disk.failing = true;
  EXPECT(write_back(file).error() == Errno::kEIO);
  disk.failing = false;
  EXPECT(take_write_error(file).error() == Errno::kEIO);
  EXPECT(take_write_error(file).ok());
  // The content is there, but it isn't written for ever.
  auto page = read_page(file, 1);
  EXPECT(page.ok() && word_of(*page, 0) == 6);
  uint32_t writes = disk.writes;
  EXPECT(write_back(file).ok() && disk.writes == writes);
  EXPECT(change(file, 0, 5) && write_back(file).ok() && disk.word(0) == 5);
  EXPECT(take_write_error(file).ok());
}

KERNEL_TEST(cache_writes_again_what_changes_meanwhile) {
  Disk disk;
  TestFile file(&disk);
  EXPECT(change(file, 0, 5) && change(file, 1, 5));
  disk.holding = true;
  Result<void> first, second;
  {
    TestThread writer([&] { first = write_back(file); });
    EXPECT(writer.wait_for([&] { return disk.waiting == 1; }));
    EXPECT(file.dirty_count == 0);
    EXPECT(change(file, 0, 6) && file.dirty_count == 1);
    // Whoever asks now waits for the write under way, and for the new one.
    TestThread late([&] { second = write_back(file); });
    evict_pages(UINT64_MAX);
    EXPECT(is_cached(file, 0) && is_cached(file, 1) && disk.writes == 1);
    disk.release();
  }
  EXPECT(first.ok() && second.ok() && disk.writes == 2);
  EXPECT(disk.word(0) == 6 && file.dirty_count == 0);
}

KERNEL_TEST(cache_skips_holes_when_writing) {
  Disk disk;
  TestFile file(&disk, 1024);
  file.holes = 1 << 1;
  auto page = new_page(file, 0);
  EXPECT(page.ok());
  memset((*page)->data(), 0xff, kPageSize);
  mark_dirty(**page);
  EXPECT(write_back(file).ok() && disk.writes == 2 && disk.written_bytes == 3072);
  EXPECT(disk.word(1016) == ~0ull && disk.word(1024) == 128 && disk.word(2048) == ~0ull);
}

KERNEL_TEST(cache_drops_pages) {
  Disk disk;
  TestFile file(&disk);
  for (uint64_t i = 0; i < 8; i++) EXPECT(change(file, i, 50 + i));
  auto pinned = read_page(file, 6);
  uint64_t frames = frames_in_use(FrameUse::kCache);
  drop_pages(file, 3);
  EXPECT(file.page_count == 3 && file.dirty_count == 3);
  EXPECT(is_cached(file, 2) && !is_cached(file, 3) && !is_cached(file, 6));
  EXPECT(frames_in_use(FrameUse::kCache) == frames - 4);
  EXPECT(pinned.ok() && word_of(*pinned, 0) == 56);  // whoever has it keeps it
  mark_dirty(**pinned);
  auto again = read_page(file, 6);
  EXPECT(again.ok() && word_of(*again, 0) == 6 * kPageSize / 8);
  EXPECT(write_back(file).ok() && disk.written_bytes == 3 * kPageSize);
  drop_pages(file);
  EXPECT(file.page_count == 0 && file.dirty_count == 0);
}

KERNEL_TEST(cache_drops_pages_after_their_reads) {
  Disk disk;
  TestFile file(&disk);
  disk.holding = true;
  std::atomic<bool> dropped{false};
  Errno result = Errno::kEIO;
  {
    TestThread reader([&] { result = read_page(file, 0).error(); });
    EXPECT(reader.wait_for([&] { return disk.waiting == 1; }));
    TestThread dropper([&] {
      drop_pages(file);
      dropped = true;
    });
    let_others_run();
    EXPECT(!dropped && file.page_count == 1);
    disk.release();
  }
  EXPECT(dropped && result == Errno::kOk && file.page_count == 0);
}

KERNEL_TEST(cache_zeros_part_of_a_page) {
  Disk disk;
  TestFile file(&disk);
  file.holes = 1 << 1;
  EXPECT(zero_cached(file, 80, 96).ok() && disk.reads == 1 && file.dirty_count == 1);
  auto page = read_page(file, 0);
  EXPECT(page.ok() && word_of(*page, 72) == 9 && word_of(*page, 88) == 0);
  EXPECT(word_of(*page, 96) == 12);
  EXPECT(zero_cached(file, kPageSize, 2 * kPageSize).ok());  // zeros already
  EXPECT(!is_cached(file, 1) && file.dirty_count == 1);
}

}  // namespace cairn
