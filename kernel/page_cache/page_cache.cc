// The table of the page cache: a hash table whose size is chosen at boot, with a fixed number of
// locks; each lock protects the buckets whose number ends in its own. A page is also in its owner's
// tree, so that dropping a file's pages looks at no others.
#include "page_cache/page_cache.h"

#include <algorithm>
#include <bit>

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/heap.h"
#include "page_cache/parts.h"

namespace cairn {

CAIRN_COUNTER(cache_hits_count, "cache.hits");
CAIRN_COUNTER(cache_misses_count, "cache.misses");

constinit CacheShard cache_shards[kCacheShards];
constinit CacheBucket* cache_buckets = nullptr;
constinit unsigned cache_bucket_shift = 0;

namespace {

constexpr uint64_t kFramesPerBucket = 2;
constexpr uint64_t kMaxBuckets =
    (kPageSize << kMaxOrder) / sizeof(CacheBucket);  // one run of frames

constinit std::atomic<uint64_t> page_total{0};

void unlink_from_bucket(CacheBucket& bucket, const CachePage& page) {
  CachePage** at = &bucket.first;
  while (*at != &page) at = &(*at)->hash_next;
  *at = page.hash_next;
}

/// Takes one pin more of the owner's first page from `first` on; null if there is none.
PageRef first_page_of(CacheOwner& owner, uint64_t first) {
  Guard guard(owner.pages_lock);
  CachePage* page = owner.pages.lower_bound(first);
  if (page != nullptr) page->pins.fetch_add(1, std::memory_order_relaxed);
  return PageRef(page);
}

}  // namespace

Result<void> start_page_cache() {
  uint64_t count = std::bit_floor(total_frame_count() / kFramesPerBucket);
  count = std::clamp<uint64_t>(count, kCacheShards, kMaxBuckets);
  uint64_t bytes = count * sizeof(CacheBucket);
  auto* buckets = static_cast<CacheBucket*>(heap_allocate(bytes));
  if (buckets == nullptr) return Errno::kENOMEM;
  memset(buckets, 0, bytes);
  cache_buckets = buckets;
  cache_bucket_shift = unsigned(64 - std::countr_zero(count));
  TRY(start_cache_io());
  start_eviction();
  return {};
}

Result<CachePage*> allocate_page(CacheOwner& owner, uint64_t index) {
  keep_memory_reserve();
  OwnedFrame frame(TRY(allocate_frame(FrameUse::kCache)));
  auto* page = new_object<CachePage>();
  if (page == nullptr) return Errno::kENOMEM;
  page->owner = &owner;
  page->index = index;
  page->frame = frame.release();
  return page;
}

void free_cache_page(CachePage& page) {
  // Lab A's frame_put() is only needed where a process has the frame mapped as well.
  if (frame_info(page.frame).references.load(std::memory_order_acquire) == 1) {
    free_frame(page.frame);
  } else {
    frame_put(page.frame);
  }
  delete &page;
}

PageRef insert_page(CachePage& fresh) {
  CacheOwner& owner = *fresh.owner;
  uint64_t bucket = cache_bucket_of(owner, fresh.index);
  Guard guard(cache_shard_of(bucket).lock);
  for (CachePage* page = cache_buckets[bucket].first; page != nullptr; page = page->hash_next) {
    if (page->index != fresh.index || page->owner != &owner) continue;
    page->pins.fetch_add(1, std::memory_order_relaxed);
    return PageRef(page);
  }
  fresh.hash_next = cache_buckets[bucket].first;
  cache_buckets[bucket].first = &fresh;
  page_total.fetch_add(1, std::memory_order_relaxed);
  owner.page_count.fetch_add(1, std::memory_order_relaxed);
  if (owner.device != nullptr) {  // without one it can't be taken away
    Guard list_guard(cache_list_lock);
    cache_use_list.push_back(fresh);
  }
  Guard owner_guard(owner.pages_lock);
  owner.pages.insert(fresh);
  return {};
}

bool remove_page(CachePage& page, bool (*allowed)(const CachePage& page)) {
  CacheOwner& owner = *page.owner;
  constexpr uint32_t kBusy = CachePage::kReading | CachePage::kWriting | CachePage::kGone;
  uint64_t bucket = cache_bucket_of(owner, page.index);
  Guard guard(cache_shard_of(bucket).lock);
  Guard list_guard(cache_list_lock);
  Guard owner_guard(owner.pages_lock);
  if ((page.state.load() & kBusy) != 0 || !allowed(page)) return false;
  page.state.fetch_or(CachePage::kGone);
  unlink_from_bucket(cache_buckets[bucket], page);
  cache_use_list.remove(page);
  forget_dirty(owner, page);
  owner.pages.remove(page);
  owner.page_count.fetch_sub(1, std::memory_order_relaxed);
  page_total.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

PageRef find_page(CacheOwner& owner, uint64_t index) {
  PageRef page = lookup_page(owner, index);
  if (!page || (page->state.load(std::memory_order_acquire) & CachePage::kUpToDate) == 0) return {};
  page->state.fetch_or(CachePage::kReferenced, std::memory_order_relaxed);
  return page;
}

Result<PageRef> new_page(CacheOwner& owner, uint64_t index, bool* created) {
  while (true) {
    PageRef page = lookup_page(owner, index);
    if (!page) {
      CachePage* fresh = TRY(allocate_page(owner, index));
      memset(fresh->data(), 0, kPageSize);
      fresh->state = CachePage::kUpToDate;
      fresh->pins.fetch_add(1, std::memory_order_relaxed);
      page = insert_page(*fresh);
      if (!page) {
        if (created != nullptr) *created = true;
        return PageRef(fresh);
      }
      free_cache_page(*fresh);
    }
    if ((page->state.load(std::memory_order_acquire) & CachePage::kUpToDate) != 0) return page;
    if (claim_for_reading(*page)) {  // an earlier read failed
      memset(page->data(), 0, kPageSize);
      finish_reading(*page);
      return page;
    }
    wait_for_io(*page);
  }
}

uint64_t drop_pages(CacheOwner& owner, uint64_t first) {
  constexpr auto kIsLeftAlone = [](const CachePage& page) {
    return (page.state.load() & CachePage::kEvicting) == 0;
  };
  uint64_t dropped = 0;
  while (PageRef page = first_page_of(owner, first)) {
    if (remove_page(*page, kIsLeftAlone)) {
      PageRef the_caches(&*page);
      dropped++;
    } else {
      wait_for_io(*page);
    }
  }
  owner.unmap_pages(first, UINT64_MAX);
  return dropped;
}

uint64_t cached_page_count() { return page_total.load(std::memory_order_relaxed); }

}  // namespace cairn
