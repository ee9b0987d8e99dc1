// Pages of owners in the page tables of processes: an owner is a memory object
// (address_space/memory_object.h). A shared mapping shows the cached page itself, so read(), write()
// and all who map a file see the same bytes. It is mapped read-only until somebody writes to it: that
// fault marks the page dirty, and write_back() protects the page again before it writes it.
#include "memory/frame_refs.h"
#include "page_cache/parts.h"
#include "sched/thread.h"

namespace cairn {

Result<FrameNumber> CacheOwner::bring_page(uint64_t offset, bool write) {
  const uint64_t index = offset / kPageSize;
  if (index >= page_limit()) return Errno::kENXIO;
  if (write) TRY(prepare_write(index));
  PageRef page = hit_page(*this, index, &fault_pattern_);
  if (!page) {
    if (device != nullptr) current_thread()->pages_awaited++;
    page = TRY(get_missing_page(*this, index, &fault_pattern_, 1));
  }
  if (write) balance_dirty_pages();
  frame_get(page->frame);
  return page->frame;
}

bool CacheOwner::confirm_page(uint64_t offset, FrameNumber frame, bool write) {
  const uint64_t index = offset / kPageSize;
  PageRef page = find_page(*this, index);
  if (!page || page->frame != frame || index >= page_limit()) return false;
  if (write) mark_dirty(*page);
  return true;
}

FrameNumber CacheOwner::present_page(uint64_t offset) {
  const uint64_t index = offset / kPageSize;
  PageRef page = lookup_page(*this, index);
  if (!page || index >= page_limit()) return FrameNumber(0);
  // At a mark for reading ahead a fault is wanted. And nobody has used the page yet, so eviction isn't told that.
  uint32_t state = page->state.load(std::memory_order_acquire);
  if ((state & (CachePage::kUpToDate | CachePage::kReadOn)) != CachePage::kUpToDate)
    return FrameNumber(0);
  // The next fault may be behind this page, and still be in order.
  uint64_t expected = index;
  fault_pattern_.next_index.compare_exchange_strong(expected, index + 1, std::memory_order_relaxed);
  frame_get(page->frame);
  return page->frame;
}

bool CacheOwner::has_page(uint64_t offset) {
  PageRef page = lookup_page(*this, offset / kPageSize);
  return page && (page->state.load(std::memory_order_acquire) & CachePage::kUpToDate) != 0;
}

}  // namespace cairn
