// Which pages go when memory is short: second chance ("clock"). Pages stand in the order in which
// they came; a lookup only sets kReferenced. Eviction takes from the front: a page that was used
// since it looked last goes to the back, unmarked, others leave the cache.
//
// A page that processes have mapped is used without a lookup. So eviction asks the page tables, where it
// may: the processors note in an entry that they used it. If one did since the last look, the page goes
// to the back; else it is unmapped everywhere, and leaves the cache like the others. That takes mutexes.
// An allocation that fails may come with any of them held, so it gets only pages that nobody maps;
// the reserve, which is kept up with no lock of an address space held, and a fault that was refused
// memory get at the mapped ones too. So no mapping, however large, keeps memory from others. But where next
// to nothing is cached any more, what is mapped stays: it is the text of what runs, and who takes memory of his own
// would else have it read from the disk again for every few pages that he gets. Memory has run out then.
// Source: Corbató, "A Paging Experiment with the Multics System" (1968).
#include <algorithm>

#include "memory/frame_allocator.h"
#include "page_cache/parts.h"

namespace cairn {

CAIRN_COUNTER(cache_evicted_count, "cache.evicted");

constinit Spinlock cache_list_lock{"cache list", LockRank::kCacheList};
constinit List<CachePage, &CachePage::use_link> cache_use_list;

namespace {

constexpr uint64_t kReserveShare = 32;  // of all frames one in so many is kept free
constexpr uint64_t kFloorShare = 64;    // and so much of them mapped pages may have in any case
constexpr uint64_t kEvictAtOnce = 64;   // pages
constexpr uint64_t kExamineForReserve = 256;
constexpr unsigned kExamineLocked = 32;  // pages looked at before the list's lock is given up

enum class Mapped { kStay, kMayGo };

/// Its owner's changes are on the device, nobody has it pinned but the cache and us, and no process
/// has it mapped.
bool is_evictable(const CachePage& page) {
  return page.pins.load() == 2 && (page.state.load() & CachePage::kDirty) == 0 &&
         frame_info(page.frame).references.load() == 1;
}

/// Advances until it finds a page that wasn't used lately and may be free to go: that page, pinned and
/// kEvicting, so that its owner stays as well. Null after kExamineLocked others or at the end of
/// `budget`.
PageRef next_candidate(uint64_t& budget) {
  constexpr uint32_t kKeep = CachePage::kDirty | CachePage::kReading | CachePage::kWriting |
                             CachePage::kReferenced | CachePage::kEvicting;
  Guard guard(cache_list_lock);
  for (unsigned i = 0; i < kExamineLocked && budget > 0; i++, budget--) {
    CachePage* page = cache_use_list.pop_front();
    if (page == nullptr) {
      budget = 0;
      break;
    }
    cache_use_list.push_back(*page);
    uint32_t state = page->state.load(std::memory_order_relaxed);
    if ((state & CachePage::kReferenced) != 0) page->state.fetch_and(~CachePage::kReferenced);
    if ((state & kKeep) != 0 || page->pins.load(std::memory_order_relaxed) != 1) continue;
    page->pins.fetch_add(1, std::memory_order_relaxed);
    page->state.fetch_or(CachePage::kEvicting);
    budget--;
    return PageRef(page);
  }
  return {};
}

/// Unmaps the page from all processes, unless one of them used it lately.
void unmap_if_unused(CachePage& page) {
  CacheOwner& owner = *page.owner;
  if (owner.take_accessed(page.index, page.frame)) {
    page.state.fetch_or(CachePage::kReferenced);
  } else {
    owner.unmap_frame(page.index, page.frame);
  }
}

/// Whether the candidate left the cache.
bool evict_page(CachePage& page, Mapped mapped) {
  if (mapped == Mapped::kMayGo && page.owner->is_mapped()) unmap_if_unused(page);
  bool evicted = remove_page(page, is_evictable);
  end_io(page, CachePage::kEvicting);
  return evicted;
}

uint64_t evict(uint64_t wanted, uint64_t budget, Mapped mapped) {
  uint64_t evicted = 0;
  while (evicted < wanted && budget > 0) {
    PageRef page = next_candidate(budget);
    if (!page || !evict_page(*page, mapped)) continue;
    PageRef the_caches(&*page);
    evicted++;
  }
  cache_evicted_count.increment(evicted);
  return evicted;
}

/// Twice around: once to take the marks, once to take the pages.
uint64_t evict_from_all(uint64_t wanted, Mapped mapped) {
  return evict(wanted, 2 * cached_page_count(), mapped);
}

/// What reclaiming may do with mapped pages.
Mapped fate_of_mapped() {
  return cached_page_count() > total_frame_count() / kFloorShare ? Mapped::kMayGo : Mapped::kStay;
}

}  // namespace

uint64_t evict_pages(uint64_t wanted) { return evict_from_all(wanted, Mapped::kStay); }

void keep_memory_reserve() {
  if (free_frame_count() < total_frame_count() / kReserveShare) {
    evict(kEvictAtOnce, kExamineForReserve, fate_of_mapped());
  }
}

void start_eviction() {
  set_frame_reclaimer([] {
    uint64_t evicted = evict_pages(kEvictAtOnce);
    if (evicted < kEvictAtOnce) wake_flusher();  // so that more can go next time
    return evicted != 0;
  });
  set_sleeping_reclaimer([] {
    return evict_from_all(kEvictAtOnce, fate_of_mapped()) != 0 || shrink_others_by_flusher();
  });
}

}  // namespace cairn
