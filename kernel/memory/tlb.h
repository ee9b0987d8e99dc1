// LAB A, item A3: the translation lookaside buffer.
//
// The processor keeps translations that it has used. It may go on using one after its entry in
// memory changed, until it is told: by INVLPG for one page, by loading CR3 for all of them (none of
// our user pages is global).
//
// The order of things, with any number of processors. A translation that was removed, narrowed or
// redirected is flushed on every processor that may hold it
//   - before its frame, or a table on the way, is freed: TlbGather sees to it;
//   - before the page that takes its place becomes writable anywhere: else one thread writes to the
//     new frame while another still reads the old one (copy-on-write);
//   - before whoever shares the frame by now runs: fork flushes the parent, then lets the child go.
// A translation that was only widened needs no flush for that: a processor that still has the narrow one
// faults, and the fault makes it look again (Intel SDM 3A, "Recommended Invalidation"). But one whose entry
// begins again with accessed and dirty clear is flushed however it changed: a processor that had set them
// would not do so again ("Accessed and Dirty Flags"). Kernel mappings never change while somebody uses them,
// and aren't flushed here: memory/kernel_stack.cc has the one exception.
//
// Which processors may hold translations of a table is a set that the table keeps
// (PageTable::active_cpus()). A processor enters it before it loads CR3, and leaves it after it loaded
// another table. Who changes an entry looks at the set afterwards. So if he misses a processor, it
// entered after he looked, and its load of CR3, which forgets all translations, came after the change.
// Kernel threads run on the table that is loaded, whoever's it is; that processor stays in the set and
// is told like the others, until it leaves: at its next switch to a thread of another table, or because
// the table ends.
// Sources: Intel SDM 3A, "Invalidation of TLBs and Paging-Structure Caches"; Black et al.,
// "Translation Lookaside Buffer Consistency: A Software Approach" (1989).
#pragma once

#include "lib/types.h"
#include "memory/page_table.h"
#include "metrics/counter.h"

namespace cairn {

// Counters, by kind of request: `metrics tlb` prints them.
extern Counter tlb_flush_single_count;  // flush_tlb_single() calls
extern Counter tlb_flush_all_count;     // flush_tlb_all() calls
extern Counter tlb_flush_range_count;   // flush_tlb_range() calls, not also counted as the others

// ---- LAB A3 (handouts/a-paging.md#a3) --------------------------------------------------------
// All three work on this processor and the table it has loaded. Locks: none; preemption disabled.

/// Forgets the translation of the page that holds `address`, and no other page's. Counts one.
void flush_tlb_single(VirtAddr address);

/// Forgets every translation of the user half. Counts one.
void flush_tlb_all();

/// Forgets the translations of all pages that overlap [start, end). Up to
/// kFlushRangeLimit pages one by one, so that the rest of the TLB survives; beyond, all at once.
/// An empty range flushes nothing. Counts one call of its own kind and nothing else.
void flush_tlb_range(VirtRange range);

/// Pages up to which INVLPG for each is cheaper than one full flush.
inline constexpr uint64_t kFlushRangeLimit = 32;

// ---- Provided --------------------------------------------------------------------------------

/// Collects what an operation on a page table removed, then flushes once, then lets the memory go.
/// That order is the invariant: while any processor may hold a translation to a frame, the frame
/// isn't free. The destructor flushes what is left.
/// Locks: as the page table's, and as flush_tlb_everywhere() needs: interrupts on, no spinlock.
class TlbGather {
 public:
  explicit TlbGather(const PageTable& table) : table_(table) {}
  ~TlbGather() { flush(); }
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  /// The translation of the page at `page` was removed, narrowed or redirected, or its accessed and dirty
  /// bits were cleared.
  void add(VirtAddr page, PageSize size = PageSize::k4KiB) {
    VirtAddr end = page + uint64_t(size);
    if (page_count_++ == 0) {
      range_ = {page, end};
    } else {
      range_ = {page < range_.start ? page : range_.start, end > range_.end ? end : range_.end};
    }
  }
  /// Frees a page table's frame after the flush (the processor caches table entries too).
  void free_table(PhysAddr table);
  /// Drops a reference (frame_put()) on each 4 KiB frame of the memory after the flush.
  void put_frame(PhysAddr frame, PageSize size = PageSize::k4KiB) {
    if (frame_count_ == kMaxFrames) flush();
    frames_[frame_count_++] = frame.value | (size == PageSize::k2MiB ? 1 : 0);
  }
  /// Flushes now.
  void flush() {
    if (page_count_ != 0) flush_translations();
    if (tables_.value != 0 || frame_count_ != 0) release_memory();
  }

 private:
  void flush_translations();
  void release_memory();

  static constexpr unsigned kMaxFrames = 64;  // then it flushes

  const PageTable& table_;
  VirtRange range_{};  // hull of the pages added; empty if none
  unsigned page_count_ = 0;
  FrameNumber tables_{0};  // linked through Frame::next; 0 ends the list
  unsigned frame_count_ = 0;
  uint64_t frames_[kMaxFrames];  // physical addresses, bit 0 set: 2 MiB; left uninitialised
};

/// What one processor does of flush_tlb_everywhere(), with preemption disabled: nothing if it hasn't
/// the table loaded. Calls flush_tlb_single() for a range of one page, flush_tlb_range() for a longer
/// one; of a table that is about to be freed it loads the kernel's instead.
void flush_tlb_here(const PageTable& table, VirtRange range);

// ---- LAB D4 ----------------------------------------------------------------------------------
/// Has flush_tlb_here() run on every processor that is in table.active_cpus() at the call, and waits
/// until all have done it. Interrupts on and no spinlock held, since it may wait for processors that
/// have to take an interrupt for it; mutexes may be held. Changes of entries that come before the call
/// are seen by all. Until lab D is in, there is one processor (standins/d.cc).
void flush_tlb_everywhere(const PageTable& table, VirtRange range);

}  // namespace cairn
