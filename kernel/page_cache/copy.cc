// Between buffers and pages: the inside of read() and write(). Bytes are copied once. Only pins are
// held, since user memory may fault, and the fault may need a page of this very file.
#include <algorithm>

#include "lib/string.h"
#include "page_cache/parts.h"

namespace cairn {

namespace {

/// What one step of a copy does: within one page.
struct Step {
  uint64_t index;    // of the page
  uint32_t in_page;  // bytes
  uint32_t count;    // bytes
};

Step step_at(uint64_t offset, uint64_t end) {
  auto in_page = uint32_t(offset % kPageSize);
  return {offset / kPageSize, in_page, uint32_t(std::min(end - offset, kPageSize - in_page))};
}

/// Over what the page holds, be it in the cache or on the device.
Result<uint64_t> overwrite_page(CacheOwner& owner, const Step& step, IoBuffer& buffer,
                                bool nothing_old) {
  PageRef page = TRY(nothing_old ? new_page(owner, step.index) : read_page(owner, step.index));
  uint64_t copied = buffer.take_some(page->data() + step.in_page, step.count);
  if (copied != 0) mark_dirty(*page);
  return copied;
}

/// The page isn't in the cache and nothing of what the device has there is left: it is filled aside
/// and becomes the file's only when it is complete, so nobody ever sees half of it. If the buffer's
/// memory ends early and there are old bytes to keep, 0: the page must be read.
Result<uint64_t> fill_new_page(CacheOwner& owner, const Step& step, IoBuffer& buffer,
                               bool nothing_old) {
  CachePage* fresh = TRY(allocate_page(owner, step.index));
  PageRef page(fresh);  // until it is the cache's
  IoBuffer before = buffer;
  uint64_t copied = buffer.take_some(page->data() + step.in_page, step.count);
  if (copied == 0 || (copied < step.count && !nothing_old)) {
    buffer = before;
    return 0;
  }
  uint64_t end = step.in_page + copied;
  memset(page->data(), 0, step.in_page);
  memset(page->data() + end, 0, kPageSize - end);
  page->state = CachePage::kUpToDate;
  fresh->pins.fetch_add(1, std::memory_order_relaxed);
  if (PageRef other = insert_page(*fresh)) {  // somebody was faster: the bytes go there
    fresh->pins.fetch_sub(1, std::memory_order_relaxed);
    other = TRY(read_page(owner, step.index));
    memcpy(other->data() + step.in_page, fresh->data() + step.in_page, copied);
    page = std::move(other);
  }
  mark_dirty(*page);
  return copied;
}

/// For a page that isn't in the cache, or not up to date there.
Result<uint64_t> write_missing_page(CacheOwner& owner, const Step& step, IoBuffer& buffer,
                                    uint64_t size) {
  uint64_t start = step.index * kPageSize;
  bool nothing_old = start >= size;
  bool covers = step.in_page == 0 && (step.count == kPageSize || start + step.count >= size);
  if ((nothing_old || covers) && !lookup_page(owner, step.index)) {
    uint64_t copied = TRY(fill_new_page(owner, step, buffer, nothing_old));
    if (copied != 0 || nothing_old) return copied;
  }
  return overwrite_page(owner, step, buffer, nothing_old);
}

/// For a page that isn't in the cache, or not up to date there: bytes, fewer where the memory ends.
Result<uint64_t> read_missing_page(CacheOwner& owner, const Step& step, IoBuffer& buffer,
                                   ReadAhead* pattern, uint64_t end) {
  if (owner.device == nullptr && !lookup_page(owner, step.index)) {  // a hole, and it stays one
    TRY(buffer.put_zeros(step.count));
    return step.count;
  }
  uint64_t wanted = (end - 1) / kPageSize - step.index + 1;
  PageRef page = TRY(get_missing_page(owner, step.index, pattern, wanted));
  return buffer.put_some(page->data() + step.in_page, step.count);
}

/// Goes through [offset, end) page by page: `move(step, error)` says how many bytes
/// it moved, and sets the error if it knows one. All bytes, or the error if there were none.
template <class Move>
Result<uint64_t> for_each_step(uint64_t offset, uint64_t end, Move move) {
  uint64_t at = offset;
  Errno error = Errno::kEFAULT;  // unless it is another one
  while (at < end) {
    Step step = step_at(at, end);
    uint64_t moved = move(step, error);
    at += moved;
    if (moved != step.count) break;
  }
  if (at == offset && at < end) return error;
  return at - offset;
}

/// Unwraps: an error counts as no bytes moved.
uint64_t bytes_or_error(Result<uint64_t> moved, Errno& error) {
  if (moved.ok()) return *moved;
  error = moved.error();
  return 0;
}

bool is_hole(CacheOwner& owner, uint64_t index) {
  uint64_t sectors[kPageSize / kSectorSize];
  std::span<uint64_t> blocks(sectors, kPageSize / owner.block_size);
  return owner.locate_page(index, blocks).ok() &&
         std::ranges::all_of(blocks, [](uint64_t at) { return at == CacheOwner::kHole; });
}

}  // namespace

Result<uint64_t> read_cached(CacheOwner& owner, IoBuffer& buffer, uint64_t offset, uint64_t size,
                             ReadAhead* pattern) {
  if (offset >= size) return 0;
  uint64_t end = offset + std::min(buffer.left(), size - offset);
  return for_each_step(offset, end, [&](const Step& step, Errno& error) {
    PageRef page = hit_page(owner, step.index, pattern);
    if (page) [[likely]]
      return buffer.put_some(page->data() + step.in_page, step.count);
    return bytes_or_error(read_missing_page(owner, step, buffer, pattern, end), error);
  });
}

Result<uint64_t> write_cached(CacheOwner& owner, IoBuffer& buffer, uint64_t offset, uint64_t size) {
  return for_each_step(offset, offset + buffer.left(), [&](const Step& step, Errno& error) {
    PageRef page = hit_page(owner, step.index, nullptr);
    if (!page) return bytes_or_error(write_missing_page(owner, step, buffer, size), error);
    uint64_t copied = buffer.take_some(page->data() + step.in_page, step.count);
    if (copied != 0) mark_dirty(*page);
    return copied;
  });
}

Result<void> zero_cached(CacheOwner& owner, uint64_t start, uint64_t end) {
  if (start >= end) return {};
  uint64_t index = start / kPageSize;
  if (!find_page(owner, index) && (owner.device == nullptr || is_hole(owner, index))) return {};
  PageRef page = TRY(read_page(owner, index));
  memset(page->data() + start % kPageSize, 0, end - start);
  mark_dirty(*page);
  return {};
}

}  // namespace cairn
