// Dirty pages and how they get to the device: an owner's dirty pages are taken in batches, each in
// order of index, and many requests are under way at once.
#include <algorithm>

#include "page_cache/parts.h"
#include "sched/wait_queue.h"

namespace cairn {

namespace {

constexpr uint32_t kBatch = 128;  // pages

constinit std::atomic<uint64_t> dirty_total{0};
constinit std::atomic<uint64_t> writing_total{0};
constinit WaitQueue turn_queue{"disk"};

/// Takes up to kBatch dirty pages with an index in [first, first + count) off the owner's list and
/// makes them kWriting. Looks at no more than `budget` pages, which it lowers; those out of range go to the
/// list's end, and so do those that are under write: who wrote to them since they were taken comes next time.
uint32_t take_dirty(CacheOwner& owner, uint64_t first, uint64_t count, uint64_t& budget,
                    CachePage** taken) {
  uint32_t n = 0;
  Guard guard(owner.pages_lock);
  for (; n < kBatch && budget > 0; budget--) {
    CachePage* page = owner.dirty_pages.front();
    if (page == nullptr) break;
    const bool under_write = (page->state.load() & CachePage::kWriting) != 0;
    if (under_write || page->index - first >= count) {
      owner.dirty_pages.remove(*page);
      owner.dirty_pages.push_back(*page);
      continue;
    }
    page->state.fetch_or(CachePage::kWriting);
    forget_dirty(owner, *page);
    taken[n++] = page;
  }
  writing_total.fetch_add(n);
  return n;
}

Result<void> write_pages(CacheOwner& owner, uint64_t first, uint64_t count) {
  IoBatch batch;
  uint64_t budget = owner.dirty_count.load();
  uint64_t started = 0;
  CachePage* pages[kBatch];
  while (uint32_t n = take_dirty(owner, first, count, budget, pages)) {
    std::sort(pages, pages + n, [](auto* a, auto* b) { return a->index < b->index; });
    // Whoever writes through a mapping from now on faults, and makes the page dirty again.
    owner.protect_pages(pages[0]->index, pages[n - 1]->index - pages[0]->index + 1);
    IoRun run(owner.device, BlockOperation::kWrite, &batch);
    for (uint32_t i = 0; i < n; i++) run.add(*pages[i]);
    started += n;
  }
  Result<void> result = batch.wait();
  writing_total.fetch_sub(started);
  note_pages_written();
  return result;
}

}  // namespace

uint64_t unwritten_page_count() { return dirty_total.load() + writing_total.load(); }

void forget_dirty(CacheOwner& owner, CachePage& page) {
  if ((page.state.load() & CachePage::kDirty) == 0) return;
  page.state.fetch_and(~uint32_t(CachePage::kDirty));
  owner.dirty_pages.remove(page);
  owner.dirty_count.fetch_sub(1);
  dirty_total.fetch_sub(1);
}

void mark_dirty(CachePage& page) {
  CacheOwner& owner = *page.owner;
  if ((page.state.load() & (CachePage::kDirty | CachePage::kGone)) != 0) return;
  if (owner.device == nullptr) return;
  bool first;
  {
    Guard guard(owner.pages_lock);
    if ((page.state.load() & (CachePage::kDirty | CachePage::kGone)) != 0) return;
    page.state.fetch_or(CachePage::kDirty);
    owner.dirty_pages.push_back(page);
    first = owner.dirty_count.fetch_add(1) == 0;
    dirty_total.fetch_add(1);
  }
  if (!first) return;
  owner.on_dirty();
  flush_soon();
}

Result<void> write_back(CacheOwner& owner, uint64_t first, uint64_t count) {
  // Pages that are being written now may have been dirty at the call, so this waits for its turn
  // even with nothing to do itself.
  if (owner.device == nullptr) return {};
  if (owner.dirty_count.load() == 0 && !owner.writing_back.load()) return {};
  turn_queue.wait_until([&owner] { return !owner.writing_back.exchange(true); });
  Result<void> result = write_pages(owner, first, count);
  owner.writing_back.store(false);
  turn_queue.wake_all();
  return result;
}

Result<void> take_write_error(CacheOwner& owner) {
  return owner.write_failed.exchange(false) ? Errno::kEIO : Result<void>();
}

PageCacheUsage page_cache_usage() {
  return {cached_page_count(), dirty_total.load(), dirty_page_limit()};
}

}  // namespace cairn
