// LAB A4: fork shares, a write separates. Contract: kernel/address_space/copy_on_write.h.
// handouts/a-paging.md#a4 explains it; check with: make grade LAB=a K=A4
#include "address_space/copy_on_write.h"

#include "lib/not_implemented.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/page_cursor.h"

namespace cairn {

CAIRN_COUNTER(cow_shared_count, "cow.shared");
CAIRN_COUNTER(cow_copied_count, "cow.copied");
CAIRN_COUNTER(cow_reused_count, "cow.reused");
CAIRN_COUNTER(zero_filled_count, "faults.zero_filled");
CAIRN_COUNTER(zero_mapped_count, "faults.zero_mapped");

// BEGIN SOLUTION A4
// STARTER:
namespace {

/// Our copy-on-write bit: one of those that the processor ignores. It marks pages that fork
/// write-protected; whether a write must copy is decided by the reference count alone.
constexpr Pte kCopyOnWrite = Pte(1ull << 9);

constexpr uint64_t frames_in(PageSize size) { return uint64_t(size) / kPageSize; }

void copy_page(FrameNumber to, FrameNumber from) {
  memcpy(direct_map(frame_address(to)), direct_map(frame_address(from)), kPageSize);
}

/// Maps a frame whose reference we hold, or drops that reference.
FaultOutcome map_or_put(PageTable& table, VirtAddr page, FrameNumber frame, Pte flags) {
  auto mapped = table.map_page(page, frame_address(frame), flags);
  if (mapped.ok()) return FaultOutcome::kRetry;
  frame_put(frame);
  return mapped.error() == Errno::kEEXIST ? FaultOutcome::kRetry : FaultOutcome::kOutOfMemory;
}

FaultOutcome map_zeros(PageTable& table, const Region& region, VirtAddr page, bool write) {
  if (!write) {
    frame_get(zero_frame());
    zero_mapped_count.increment();
    return map_or_put(table, page, zero_frame(), without(region.page_flags(), Pte::kWritable));
  }
  auto frame = allocate_zeroed_frame(FrameUse::kUser);
  if (!frame.ok()) return FaultOutcome::kOutOfMemory;
  zero_filled_count.increment();
  return map_or_put(table, page, *frame, region.page_flags());
}

/// A 2 MiB page of zeros, if the region has room for one around `page` and memory a run.
bool map_huge_zeros(PageTable& table, const Region& region, VirtAddr page) {
  VirtAddr start(align_down(page.value, kHugePageSize));
  if (start < region.range.start || region.range.end < start + kHugePageSize) return false;
  PageWalk walk = table.walk_page_table(start);
  if (walk.level == 1 || walk.is_mapped()) return false;  // before 2 MiB are cleared for nothing
  auto run = allocate_frames(kHugeOrder, FrameUse::kUser);
  if (!run.ok()) return false;
  memset(direct_map(frame_address(*run)), 0, kHugePageSize);
  if (table.map_page(start, frame_address(*run), region.page_flags(), PageSize::k2MiB).ok()) {
    zero_filled_count.increment(frames_in(PageSize::k2MiB));
    return true;
  }
  free_frames(*run, kHugeOrder);
  return false;
}

/// `shown` is the object's page, whose reference we hold.
FaultOutcome map_object_page(PageTable& table, const Region& region, VirtAddr page,
                             FrameNumber shown, bool write) {
  if (!write) {
    return map_or_put(table, page, shown, without(region.page_flags(), Pte::kWritable));
  }
  auto copy = allocate_frame(FrameUse::kUser);
  if (copy.ok()) copy_page(*copy, shown);
  frame_put(shown);
  if (!copy.ok()) return FaultOutcome::kOutOfMemory;
  cow_copied_count.increment();
  return map_or_put(table, page, *copy, region.page_flags());
}

/// Maps pages in a child that doesn't run yet, in order of address. Most lie in the same table of level 1 as
/// the one before, and then need no walk.
class ChildPages {
 public:
  explicit ChildPages(PageTable& table) : table_(table) {}

  /// `flags` may have kCopyOnWrite.
  Result<void> map(const MappedPage& page, PhysAddr frame, Pte flags) {
    if (last_ != nullptr && page.start.value / kHugePageSize == last_page_.value / kHugePageSize) {
      last_ += (page.start - last_page_) / kPageSize;
      last_->set(frame, flags | Pte::kPresent);
      table_entry_count(physical_of(last_))++;
    } else {
      TRY(table_.map_page(page.start, frame, flags & kPermissionBits, page.size));
      last_ = &table_.walk_page_table(page.start).entry();
      last_->set(frame, last_->flags() | flags);
    }
    last_page_ = page.start;
    return {};
  }

 private:
  PageTable& table_;
  PageTableEntry* last_ = nullptr;
  VirtAddr last_page_;
};

/// A write to a page that is mapped read-only in a region that may be written.
FaultOutcome make_writable(PageTable& table, const Region& region, PageWalk walk, VirtAddr page) {
  TlbGather gather(table);
  if (walk.page_size() == PageSize::k2MiB) {
    // Sharers of a 2 MiB page may differ by part, so its 4 KiB pages are treated one by one.
    if (!table.split_page(page, gather).ok()) return FaultOutcome::kOutOfMemory;
    walk = table.walk_page_table(page);
  }
  FrameNumber old_frame = frame_of(walk.entry().address());
  if (frame_references(old_frame) == 1) {
    // The translation only becomes wider: nothing to flush.
    (void)walk.entry().remove(kCopyOnWrite);
    (void)walk.entry().add(Pte::kWritable);
    cow_reused_count.increment();
    return FaultOutcome::kRetry;
  }
  auto copy = old_frame == zero_frame() ? allocate_zeroed_frame(FrameUse::kUser)
                                        : allocate_frame(FrameUse::kUser);
  if (!copy.ok()) return FaultOutcome::kOutOfMemory;
  if (old_frame == zero_frame()) {
    zero_filled_count.increment();
  } else {
    copy_page(*copy, old_frame);
    cow_copied_count.increment();
  }
  // Nobody may write to the copy while another processor still reads the old frame.
  Pte read_only = without(region.page_flags(), Pte::kWritable) | Pte::kPresent;
  (void)walk.entry().exchange(frame_address(*copy), read_only);
  gather.add(page);
  gather.flush();
  (void)walk.entry().add(Pte::kWritable);
  frame_put(old_frame);
  return FaultOutcome::kRetry;
}

}  // namespace
// END SOLUTION

// LAB A4: share_copy_on_write() (handouts/a-paging.md#a4). Check: make grade LAB=a K=A4
Result<void> share_copy_on_write(AddressSpace& parent, AddressSpace& child, const Region& region,
                                 TlbGather& gather) {
  // BEGIN SOLUTION A4
  PageCursor pages(parent.page_table_locked(), region.range);
  ChildPages copies(child.page_table_locked());
  while (auto page = pages.next()) {
    EntryValue before = page->entry->load();
    const bool writable = has(before.flags(), Pte::kWritable);
    Pte flags = without(before.flags(), Pte::kWritable) & (kPermissionBits | kCopyOnWrite);
    if (writable) flags = flags | kCopyOnWrite;
    TRY(copies.map(*page, before.address(), flags));
    for (uint64_t i = 0; i < page->frames(); i++) frame_get(frame_of(before.address()) + i);
    if (!writable) continue;
    (void)page->entry->add(kCopyOnWrite);
    (void)page->entry->remove(Pte::kWritable);
    gather.add(page->start, page->size);
    cow_shared_count.increment(page->frames());
  }
  return {};
  // END SOLUTION
}

// LAB A4: handle_page_fault() (handouts/a-paging.md#a4). Check: make grade LAB=a K=A4
FaultOutcome handle_page_fault(AddressSpace& space, const Region& region, const PageFault& fault,
                               std::optional<FrameNumber> page) {
  // BEGIN SOLUTION A4
  PageTable& table = space.page_table_locked();
  VirtAddr at(align_down(fault.address.value, kPageSize));
  // Where the processor found no translation there hardly is one by now; map_page() would say so.
  PageWalk walk;
  if (fault.present) walk = table.walk_page_table(at);
  if (!walk.is_mapped()) {
    if (page) return map_object_page(table, region, at, *page, fault.write);
    if (region.huge && map_huge_zeros(table, region, at)) return FaultOutcome::kRetry;
    return map_zeros(table, region, at, fault.write);
  }
  if (fault.write && !has(walk.entry().flags(), Pte::kWritable)) {
    return make_writable(table, region, walk, at);
  }
  // Somebody else was faster, or this processor's translation was out of date; it is forgotten now.
  return FaultOutcome::kRetry;
  // END SOLUTION
}

}  // namespace cairn
