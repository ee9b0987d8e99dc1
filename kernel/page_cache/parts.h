// What the files of the page cache share (page_cache*.cc, read_ahead.cc). Nobody else includes it.
//
// The life of a page. `pins` counts one for being in the cache:
//
//   allocate_page()  ─▶  insert_page()  ─▶  remove_page()  ─▶  free_cache_page(), by the last pin
//
// A page is found through its bucket, through the list in order of use, and through its owner; so
// it is removed with all three locks held, and whoever finds it takes a pin before leaving the
// lock. Pages under I/O (kReading, kWriting) are not removed. Their requests hold no pins: what
// ends a request runs in interrupt handlers, where nothing can be freed.
#pragma once

#include "metrics/counter.h"
#include "page_cache/page_cache.h"

namespace cairn {

extern Counter cache_hits_count, cache_misses_count, cache_evicted_count;

// ---- The table (page_cache.cc) ------------------------------------------------------------------

struct alignas(64) CacheShard {
  Spinlock lock{"cache bucket", LockRank::kCacheBucket};
};
inline constexpr uint32_t kCacheShards = 256;
extern CacheShard cache_shards[kCacheShards];
struct CacheBucket {
  CachePage* first;
};
extern CacheBucket* cache_buckets;
extern unsigned cache_bucket_shift;  // 64 - log2(number of buckets)

inline uint64_t cache_bucket_of(const CacheOwner& owner, uint64_t index) {
  uint64_t key = reinterpret_cast<uint64_t>(&owner) + index * 0x9e37'79b9'7f4a'7c15;
  return (key ^ key >> 32) * 0xd6e8'feb8'6659'fd93 >> cache_bucket_shift;
}
inline CacheShard& cache_shard_of(uint64_t bucket) { return cache_shards[bucket % kCacheShards]; }

/// The page with one pin more, whatever its state; null if it isn't there.
inline CachePage* pin_page(CacheOwner& owner, uint64_t index) {
  uint64_t bucket = cache_bucket_of(owner, index);
  Guard guard(cache_shard_of(bucket).lock);
  CachePage* page = cache_buckets[bucket].first;
  while (page != nullptr && (page->index != index || page->owner != &owner)) page = page->hash_next;
  if (page != nullptr) page->pins.fetch_add(1, std::memory_order_relaxed);
  return page;
}
inline PageRef lookup_page(CacheOwner& owner, uint64_t index) {
  return PageRef(pin_page(owner, index));
}

/// A page with undefined content, in no list, with the pin that will be the cache's. Evicts others
/// where memory is short. ENOMEM.
Result<CachePage*> allocate_page(CacheOwner& owner, uint64_t index);
/// Puts it into the cache, unless another of that index is there: that one, pinned.
PageRef insert_page(CachePage& fresh);
/// Takes it out of the cache if nothing is read into it or written from it, and if it meets
/// `allowed` (called with all its locks held); the cache's pin goes to the caller. Whether it did.
bool remove_page(CachePage& page, bool (*allowed)(const CachePage& page));

uint64_t cached_page_count();

// ---- Use (evict.cc) ------------------------------------------------------------------

extern Spinlock cache_list_lock;
extern List<CachePage, &CachePage::use_link> cache_use_list GUARDED_BY(cache_list_lock);

/// Evicts a few pages if free memory falls below the reserve. It may take pages from processes that
/// have them mapped: no address space's lock is held, and no walk over mappings is under way.
void keep_memory_reserve();
/// Registers the cache with the frame allocator.
void start_eviction();

// ---- Dirty pages (write_back.cc) ----------------------------------------------------------

/// Pages dirty or being written, in the whole cache.
uint64_t unwritten_page_count();
/// Forgets that a page of the owner is dirty, if it is.
void forget_dirty(CacheOwner& owner, CachePage& page) REQUIRES(owner.pages_lock);
/// flusher.cc: how many pages may be dirty; wakes writers that wait because of it.
uint64_t dirty_page_limit();
void note_pages_written();

// ---- I/O (page_io.cc) ---------------------------------------------------------------------

/// Starts with a few requests, so that writing back needs no memory. ENOMEM.
Result<void> start_cache_io();

/// Requests that somebody waits for together.
struct IoBatch {
  std::atomic<uint32_t> pending{1};  // requests, and the submitter
  std::atomic<bool> failed{false};
  /// Waits for all; EIO if a page failed. Once.
  Result<void> wait();
};

/// Gathers pieces of pages that follow each other on the device into requests. It holds no request
/// while it gathers, since locate_page() may need some for itself.
class IoRun {
 public:
  /// `batch` null: nobody waits for the requests, but for their pages.
  IoRun(BlockDevice* device, BlockOperation operation, IoBatch* batch)
      : device_(device), operation_(operation), batch_(batch) {}
  ~IoRun() { submit(); }
  IoRun(const IoRun&) = delete;
  IoRun& operator=(const IoRun&) = delete;

  /// Locates a page that is kReading or kWriting and adds its blocks. Errors reach those who wait.
  void add(CachePage& page);
  /// Starts what was gathered. May sleep.
  void submit();

 private:
  struct Piece {
    CachePage* page;
    uint32_t offset, size;  // bytes, in the page
  };
  void add_piece(const Piece& piece, uint64_t sector);

  BlockDevice* device_;
  BlockOperation operation_;
  IoBatch* batch_;
  uint32_t count_ = 0;
  uint64_t first_ = 0, next_ = 0;  // sectors
  Piece pieces_[kMaxBlockSegments];
};

/// Makes a page that is neither up to date nor being read kReading; false if it is either by now.
bool claim_for_reading(CachePage& page);
/// Ends kReading with good content.
void finish_reading(CachePage& page);
/// Clears `bits`, of kReading, kWriting, kEvicting, kFailed, and wakes who waited. The page may be gone
/// right after. Any context.
void end_io(CachePage& page, uint32_t bits);
/// Waits until the page is neither kReading nor kWriting, and eviction leaves it alone.
void wait_for_io(CachePage& page);

// ---- Reading (read.cc, read_ahead.cc) ------------------------------------------------

/// What hit_page() does for a page that isn't used as most are.
CachePage* hit_page_slowly(CachePage& pinned, ReadAhead* pattern);

/// The page if it is there and up to date, else null. The way of nearly all reads and writes.
inline PageRef hit_page(CacheOwner& owner, uint64_t index, ReadAhead* pattern) {
  CachePage* page = pin_page(owner, index);
  if (page == nullptr) return {};
  constexpr uint32_t kAsMost = CachePage::kUpToDate | CachePage::kReferenced;
  uint32_t state = page->state.load(std::memory_order_acquire);
  if ((state & (kAsMost | CachePage::kReadOn)) != kAsMost) [[unlikely]]
    return PageRef(hit_page_slowly(*page, pattern));
  cache_hits_count.increment();
  if (pattern != nullptr) pattern->next_index.store(index + 1, std::memory_order_relaxed);
  return PageRef(page);
}
/// The page for a caller that hit_page() gave none, and that will want `wanted` pages from here on.
Result<PageRef> get_missing_page(CacheOwner& owner, uint64_t index, ReadAhead* pattern,
                                 uint64_t wanted);

inline constexpr uint32_t kFirstWindow = 4, kMaxWindow = 32;  // pages

/// What to fetch, and which of it to mark kReadOn.
struct FetchPlan {
  uint64_t first = 0, count = 0;  // pages
  uint64_t read_on = UINT64_MAX;  // index of a page
};
/// For a page that isn't in the cache: it, and what may follow.
FetchPlan plan_after_miss(ReadAhead* pattern, uint64_t index, uint64_t wanted);
/// For a page marked kReadOn that was found: what comes next.
FetchPlan plan_next_window(ReadAhead& pattern, uint64_t index);

}  // namespace cairn
