// Getting a page: from the cache, or from the device together with what will be wanted next.
#include <algorithm>

#include "page_cache/parts.h"

namespace cairn {

CAIRN_COUNTER(cache_read_ahead_count, "cache.read_ahead");

namespace {

/// Puts a page into the cache, kReading, and adds its blocks to `run`. `pinned`, if not null,
/// receives a pin on it; or on the page that another thread has put there meanwhile. ENOMEM.
Result<void> start_page(IoRun& run, CacheOwner& owner, uint64_t index, uint32_t marks,
                        PageRef* pinned) {
  CachePage* fresh = TRY(allocate_page(owner, index));
  fresh->state = CachePage::kReading | marks;
  if (pinned != nullptr) fresh->pins.fetch_add(1, std::memory_order_relaxed);
  PageRef other = insert_page(*fresh);
  if (other) {
    free_cache_page(*fresh);
    if (pinned != nullptr) *pinned = std::move(other);
    return {};
  }
  if (pinned != nullptr) *pinned = PageRef(fresh);
  run.add(*fresh);
  return {};
}

/// Starts reading the pages of `plan` from `at` on that aren't in the cache, up to the owner's end.
/// Nobody asked for them yet, so errors are no concern.
void fetch_ahead(IoRun& run, CacheOwner& owner, const FetchPlan& plan, uint64_t at) {
  uint64_t end = std::min(plan.first + plan.count, owner.page_limit());
  for (; at < end; at++) {
    if (lookup_page(owner, at)) continue;
    bool marked = at == plan.read_on;
    if (!start_page(run, owner, at, marked ? uint32_t(CachePage::kReadOn) : 0, nullptr).ok())
      return;
    cache_read_ahead_count.increment();
  }
}

/// Starts reading a page that isn't in the cache, and what `plan` adds.
Result<PageRef> start_reading(CacheOwner& owner, const FetchPlan& plan) {
  PageRef page;
  IoRun run(owner.device, BlockOperation::kRead, nullptr);
  TRY(start_page(run, owner, plan.first, 0, &page));
  if (owner.device != nullptr) fetch_ahead(run, owner, plan, plan.first + 1);
  return page;
}

/// Why a page couldn't be read: its owner doesn't know where it lies, or the device failed. EIO, and what
/// locate_page() gives.
Errno reason_of_failure(CachePage& page) {
  uint64_t sectors[kPageSize / kSectorSize];
  const size_t blocks = kPageSize / page.owner->block_size;
  auto located = page.owner->locate_page(page.index, {sectors, blocks});
  return located.ok() ? Errno::kEIO : located.error();
}

void read_again(CachePage& page) {
  IoRun run(page.owner->device, BlockOperation::kRead, nullptr);
  run.add(page);
}

/// The reader has come to the newest window: the device gets the next one to do.
void read_on(CachePage& page, ReadAhead& pattern) {
  page.state.fetch_and(~uint32_t(CachePage::kReadOn));
  FetchPlan plan = plan_next_window(pattern, page.index);
  IoRun run(page.owner->device, BlockOperation::kRead, nullptr);
  fetch_ahead(run, *page.owner, plan, plan.first);
}

}  // namespace

CachePage* hit_page_slowly(CachePage& pinned, ReadAhead* pattern) {
  uint32_t state = pinned.state.load(std::memory_order_acquire);
  bool marked = (state & CachePage::kReadOn) != 0 && pattern != nullptr;
  if (marked) read_on(pinned, *pattern);
  if ((state & CachePage::kUpToDate) == 0) {
    PageRef unpinned(&pinned);
    return nullptr;
  }
  cache_hits_count.increment();
  pinned.state.fetch_or(CachePage::kReferenced);
  if (pattern != nullptr) pattern->next_index.store(pinned.index + 1, std::memory_order_relaxed);
  return &pinned;
}

Result<PageRef> get_missing_page(CacheOwner& owner, uint64_t index, ReadAhead* pattern,
                                 uint64_t wanted) {
  cache_misses_count.increment();
  PageRef page = lookup_page(owner, index);
  if (!page) {
    page = TRY(start_reading(owner, plan_after_miss(pattern, index, wanted)));
  } else if (pattern != nullptr) {  // being read already: ahead, or for somebody else
    pattern->next_index.store(index + 1, std::memory_order_relaxed);
  }
  while (true) {
    // What failed before this call is tried again; what fails from now on is reported.
    if (claim_for_reading(*page)) read_again(*page);
    wait_for_io(*page);
    uint32_t state = page->state.load(std::memory_order_acquire);
    if ((state & CachePage::kUpToDate) != 0) return page;
    if ((state & CachePage::kFailed) != 0) return reason_of_failure(*page);
  }
}

Result<PageRef> read_page(CacheOwner& owner, uint64_t index, ReadAhead* pattern) {
  if (PageRef page = hit_page(owner, index, pattern)) return page;
  return get_missing_page(owner, index, pattern, 1);
}

}  // namespace cairn
