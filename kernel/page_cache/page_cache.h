// The one page cache: pages of files and of devices, found by owner and index.
//
// A page in the cache is clean, dirty, or under I/O. Data pages become dirty by writes and clean by
// write-back; file systems keep changed metadata pages pinned instead and write them in the order
// that they need (ext2/commit.h). A page that is clean and not pinned may be taken away whenever
// memory is short; pages are taken in approximate order of last use.
//
// Locks: lookups take one bucket's spinlock for a few instructions, never a global one. Nothing
// here holds a lock across I/O: whoever needs a page that is being read waits for that page alone.
// Pins keep a page in memory, they don't lock its content. Eviction and write-back walk over the
// mappings of a page (rank kMappings), so callers hold no address space's lock where it may sleep. While a page is under I/O its owner may
// be asked locate_page(), so nobody waits for a page with a lock that locate_page() takes.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "address_space/io_buffer.h"
#include "address_space/memory_object.h"
#include "arch/layout.h"
#include "block/block_device.h"
#include "lib/list.h"
#include "lib/result.h"
#include "lib/tree.h"
#include "memory/frame.h"
#include "sync/spinlock.h"

namespace cairn {

class CacheOwner;

struct CachePage {
  // Immutable while it is in the cache.
  CacheOwner* owner = nullptr;
  uint64_t index = 0;  // offset in the owner / kPageSize
  FrameNumber frame{};

  std::atomic<uint32_t> pins{1};  // one a PageRef, and one of the cache's while the page is in it
  enum State : uint32_t {
    kUpToDate = 1,
    kReading = 2,
    kWriting = 4,
    kDirty = 8,        // changes with the owner's lock held
    kFailed = 16,      // the last read failed; the next one tries again
    kReferenced = 32,  // used since eviction looked last
    kAwaited = 64,     // somebody waits for the end of kReading or kWriting
    kReadOn = 128,     // whoever gets here in a sequential read fetches what follows
    kGone = 256,       // no longer in the cache: its last PageRef frees it
    kEvicting = 512,   // eviction looks at it, and at its owner; drop_pages() waits for the end
  };
  std::atomic<uint32_t> state{0};
  std::atomic<uint32_t> pieces{0};  // of a read or write under way

  CachePage* hash_next = nullptr;  // protected by its bucket
  ListLink use_link;               // protected by the cache's list lock
  TreeLink<CachePage> owner_link;  // protected by the owner's lock
  ListLink dirty_link;             // same

  uint8_t* data() const { return static_cast<uint8_t*>(direct_map(frame_address(frame))); }
};

inline uint64_t cache_page_index(const CachePage& page) { return page.index; }
/// Frees a page whose last pin is gone.
void free_cache_page(CachePage& page);

/// A pinned page.
class PageRef {
 public:
  PageRef() = default;
  /// Takes over a pin.
  explicit PageRef(CachePage* pinned) : page_(pinned) {}
  PageRef(const PageRef& other) : page_(other.page_) {
    if (page_ != nullptr) page_->pins.fetch_add(1);
  }
  PageRef(PageRef&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  PageRef& operator=(PageRef other) noexcept {
    std::swap(page_, other.page_);
    return *this;
  }
  ~PageRef() {
    if (page_ != nullptr && page_->pins.fetch_sub(1) == 1) free_cache_page(*page_);
  }
  explicit operator bool() const { return page_ != nullptr; }
  CachePage* operator->() const { return page_; }
  CachePage& operator*() const { return *page_; }

 private:
  CachePage* page_ = nullptr;
};

/// How one open file is being read, so that pages can be fetched before they are asked for.
struct ReadAhead {
  std::atomic<uint64_t> next_index{0};  // the page after the last one read
  std::atomic<uint32_t> window{0};      // pages fetched at once; 0: not sequential so far
  std::atomic<uint64_t> fetched_to{0};  // first page not asked of the device yet
};

/// Whose pages: a file's data, or a device's blocks. Processes may map them (page_cache/mapping.cc).
class CacheOwner : public MemoryObject {
 public:
  static constexpr uint64_t kHole = UINT64_MAX;

  /// `device` null: the pages live in memory only (tmpfs) and are never taken away.
  /// block_size: bytes, a power of two from 512 to kPageSize.
  CacheOwner(BlockDevice* device, uint32_t block_size) : device(device), block_size(block_size) {}
  /// Where the blocks of page `index` are: kPageSize / block_size sector numbers of `device`, or
  /// kHole. Called before reads (a hole reads as zeros) and writes (a hole isn't written), while
  /// the page counts as under I/O: see "Locks" above. EIO; EUCLEAN: damage. May sleep; called without spinlocks.
  virtual Result<void> locate_page(uint64_t index, std::span<uint64_t> sectors) = 0;
  /// Pages from this index on don't exist: reading ahead stops there, they read as zeros, and a process
  /// that maps them gets a bus error. Takes only spinlocks. Who cuts a file lowers this first, then
  /// drops the pages, then frees the blocks: so no page is ever read from a block that belongs to
  /// another file by then.
  virtual uint64_t page_limit() = 0;
  /// The first page became dirty. Called without spinlocks; must not sleep.
  virtual void on_dirty() {}
  /// A process is about to write to page `index` through a shared mapping: makes what that needs, blocks
  /// above all. Called with no lock that a fault's caller may not hold: see bring_page(). ENXIO beyond
  /// the end; ENOSPC, EIO. May sleep.
  virtual Result<void> prepare_write(uint64_t index) { return {}; }

  // MemoryObject's.
  Result<FrameNumber> bring_page(uint64_t offset, bool write) override;
  bool confirm_page(uint64_t offset, FrameNumber frame, bool write) final;
  FrameNumber present_page(uint64_t offset) final;
  bool has_page(uint64_t offset) final;

  BlockDevice* const device;
  const uint32_t block_size;  // bytes

  Spinlock pages_lock{"cache owner", LockRank::kCacheOwner};
  Tree<CachePage, &CachePage::owner_link, &cache_page_index> pages GUARDED_BY(pages_lock);
  List<CachePage, &CachePage::dirty_link> dirty_pages GUARDED_BY(pages_lock);
  std::atomic<bool> writing_back{false};  // one write_back() at a time
  std::atomic<uint64_t> dirty_count{0};
  std::atomic<uint64_t> page_count{0};    // in the cache
  std::atomic<bool> write_failed{false};  // since somebody was told (take_write_error())

 protected:
  ~CacheOwner() = default;  // the owner calls drop_pages() before it goes

 private:
  ReadAhead fault_pattern_;  // of those who map it
};

/// Sizes the hash table by memory and starts the cache. Once, at boot. ENOMEM.
Result<void> start_page_cache();

// May sleep; no spinlocks held.

/// The page with its content, pinned; read from the device if it isn't there. EIO, ENOMEM.
Result<PageRef> read_page(CacheOwner& owner, uint64_t index, ReadAhead* pattern = nullptr);
/// The page, pinned, for a caller that overwrites all of it, or knows that its blocks are new: not
/// read; zeros if it wasn't in the cache, and then *created, if given, is set. Counts as up to date from
/// now on. ENOMEM.
Result<PageRef> new_page(CacheOwner& owner, uint64_t index, bool* created = nullptr);
/// The page if it is in the cache and up to date, else null.
PageRef find_page(CacheOwner& owner, uint64_t index);

/// The page's content was changed and is to be written back some time. Without a device: nothing.
void mark_dirty(CachePage& page);

/// Starts writing the owner's dirty pages [first, first + count) in order of index, merged into few
/// requests, and waits for all that were dirty at the call. EIO if one of them failed: its page
/// stays in the cache, but counts as clean, so that a broken device is not written to for ever; the
/// error is left for take_write_error(), too. A page that changes meanwhile is dirty again.
Result<void> write_back(CacheOwner& owner, uint64_t first = 0, uint64_t count = UINT64_MAX);
/// EIO if a write-back of the owner failed since the last call.
Result<void> take_write_error(CacheOwner& owner);

/// Removes the pages from `first` on, dirty or not, after waiting for I/O on them, and unmaps them from
/// all processes, with the copies that private mappings made. Those that somebody has pinned live on,
/// outside the cache, until the pins go. Pages removed. O(that, and what is mapped.)
uint64_t drop_pages(CacheOwner& owner, uint64_t first = 0);

/// Copies what [offset, offset + buffer.left()) of the owner holds, up to `size` bytes of it in
/// all, into the buffer; bytes copied, or the first error if none were. One copy, page to buffer.
Result<uint64_t> read_cached(CacheOwner& owner, IoBuffer& buffer, uint64_t offset, uint64_t size,
                             ReadAhead* pattern = nullptr);
/// Copies the buffer into the owner's pages and marks them dirty. Blocks exist already. Pages that
/// are overwritten only partly are read first, unless they lie at or beyond `size` (the old end).
/// So who gives blocks to a hole below `size` and then fills only part of the page pins it first,
/// by read_page() before the blocks are there (it reads as zeros) or by new_page(): what lies in
/// new blocks is undefined. Bytes copied, or the first error if none were; where the buffer's
/// memory ends early, nothing behind what was copied has changed.
Result<uint64_t> write_cached(CacheOwner& owner, IoBuffer& buffer, uint64_t offset, uint64_t size);
/// Zeros [start, end) of the page that holds both, if it is in the cache or has to be read.
Result<void> zero_cached(CacheOwner& owner, uint64_t start, uint64_t end);
/// Before a file of `size` bytes grows so that `start` is its new end, or where new bytes begin: zeros what
/// lies between the two in the page of the old end, which processes that map it may have written to.
inline Result<void> zero_beyond_end(CacheOwner& owner, uint64_t size, uint64_t start) {
  return zero_cached(owner, size, std::min(start, align_up(size, kPageSize)));
}

/// The pages of a whole device: metadata, and /dev/vda. The same owner at each call. ENOMEM.
Result<CacheOwner*> device_pages(BlockDevice& device);
/// Writes back the dirty pages of those owners, and waits until they are on the media; the first error. May
/// sleep.
Result<void> sync_device_pages();

/// Takes up to `wanted` clean pages out of the cache; how many. Takes only spinlocks, so pages that
/// processes have mapped stay.
uint64_t evict_pages(uint64_t wanted);

struct PageCacheUsage {
  uint64_t pages;
  uint64_t dirty;
  uint64_t limit_dirty;  // writers wait for write-back beyond this many
};
PageCacheUsage page_cache_usage();
/// After a piece of a write: waits while too many pages are dirty. No lock held that `write_back_all`
/// takes; an inode's may be.
void balance_dirty_pages();
/// Starts the thread that writes back, by `write_back_all`: five seconds after something became dirty, or
/// at wake_flusher(). It sleeps without a timer else. Whoever waits for memory (reclaim_frames()) and finds
/// no page that can go has it call `shrink_others`, too: what else is kept only for speed, up to so many of
/// each kind; how many went. ENOMEM.
Result<void> start_flusher(void (*write_back_all)(), uint64_t (*shrink_others)(uint64_t wanted));
/// Waits until the thread has called `shrink_others`; whether that gave anything back. For a caller that may
/// hold an inode's lock, which is why he doesn't do it himself.
bool shrink_others_by_flusher();
/// Now. Any context that holds no lock of rank kWaitQueue or below.
void wake_flusher();
/// Within five seconds. For changes outside of dirty pages; those see to it themselves.
void flush_soon();

}  // namespace cairn
