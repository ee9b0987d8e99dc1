// An alternative to labs/a-paging/copy_on_write.cc: fork goes over the region twice. First the
// child gets everything; only when nothing can fail any more the parent loses its right to write.
// Two of the software bits together mark copy-on-write.
#include "address_space/copy_on_write.h"

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"

namespace cairn {

CAIRN_COUNTER(cow_shared_count, "cow.shared");
CAIRN_COUNTER(cow_copied_count, "cow.copied");
CAIRN_COUNTER(cow_reused_count, "cow.reused");
CAIRN_COUNTER(zero_filled_count, "faults.zero_filled");
CAIRN_COUNTER(zero_mapped_count, "faults.zero_mapped");

namespace {

constexpr Pte kMark = Pte(1ull << 10 | 1ull << 52);

template <class Use>
Result<void> for_each_page(PageTable& table, const Region& region, Use use) {
  VirtAddr at = region.range.start;
  while (at < region.range.end) {
    PageWalk walk = table.walk_page_table(at);
    if (walk.is_mapped()) TRY(use(at, walk));
    at = walk.end(at);
  }
  return {};
}

bool is_private(const PageWalk& walk) {
  return has(walk.entry().flags(), Pte::kWritable) || has(walk.entry().flags(), kMark);
}

FaultOutcome outcome(const Result<void>& result) {
  return result.ok() ? FaultOutcome::kRetry : FaultOutcome::kOutOfMemory;
}

/// A new frame of a process with the content of `model`.
Result<FrameNumber> clone(FrameNumber model) {
  bool zeros = model == zero_frame();
  FrameNumber copy = TRY(allocate_frame(FrameUse::kUser));
  auto* words = direct_map_as<uint64_t>(frame_address(copy));
  if (zeros) {
    memset(words, 0, kPageSize);
  } else {
    memcpy(words, direct_map(frame_address(model)), kPageSize);
  }
  (zeros ? zero_filled_count : cow_copied_count).increment();
  return copy;
}

/// The frame that a first access to a page starts from, with a reference for us.
FrameNumber model_of(std::optional<FrameNumber> shown) {
  if (!shown) frame_get(zero_frame());
  return shown.value_or(zero_frame());
}

/// Replaces *frame, whose reference is ours, by a copy, whose reference then is.
Result<void> make_own(FrameNumber& frame) {
  FrameNumber copy = TRY(clone(frame));
  frame_put(frame);
  frame = copy;
  return {};
}

Result<void> map_first(PageTable& table, const Region& region, VirtAddr page, bool write,
                       std::optional<FrameNumber> shown) {
  FrameNumber frame = model_of(shown);
  Result<void> done;
  if (write) done = make_own(frame);
  Pte flags = write ? region.page_flags() : without(region.page_flags(), Pte::kWritable);
  if (done.ok()) done = table.map_page(page, frame_address(frame), flags);
  if (!done.ok()) {
    frame_put(frame);
  } else if (!write && !shown) {
    zero_mapped_count.increment();
  }
  return done;
}

bool map_first_large(PageTable& table, const Region& region, VirtAddr page) {
  VirtAddr start(page.value & -kHugePageSize);
  bool fits = region.range.contains(start) && region.range.contains(start + (kHugePageSize - 1));
  if (!region.huge || !fits) return false;
  auto run = allocate_frames(kHugeOrder, FrameUse::kUser);
  if (!run.ok()) return false;
  memset(direct_map(frame_address(*run)), 0, kHugePageSize);
  if (!table.map_page(start, frame_address(*run), region.page_flags(), PageSize::k2MiB).ok()) {
    free_frames(*run, kHugeOrder);
    return false;
  }
  zero_filled_count.increment(512);
  return true;
}

}  // namespace

Result<void> share_copy_on_write(AddressSpace& parent, AddressSpace& child, const Region& region,
                                 TlbGather& gather) {
  PageTable& ours = parent.page_table_locked();
  PageTable& theirs = child.page_table_locked();
  TRY(for_each_page(ours, region, [&](VirtAddr page, const PageWalk& walk) -> Result<void> {
    PhysAddr memory = walk.entry().address();
    Pte flags = walk.entry().flags() & (Pte::kUser | Pte::kNoExecute);
    TRY(theirs.map_page(page, memory, flags, walk.page_size()));
    if (is_private(walk)) {
      PageTableEntry& entry = theirs.walk_page_table(page).entry();
      entry.set(memory, entry.flags() | kMark);
    }
    for (uint64_t i = 0; i < walk.span() / kPageSize; i++) frame_get(frame_of(memory) + i);
    return {};
  }));
  return for_each_page(ours, region, [&](VirtAddr page, const PageWalk& walk) -> Result<void> {
    if (!has(walk.entry().flags(), Pte::kWritable)) return {};
    (void)walk.entry().add(kMark);
    (void)walk.entry().remove(Pte::kWritable);
    gather.add(page, walk.page_size());
    cow_shared_count.increment(walk.span() / kPageSize);
    return {};
  });
}

FaultOutcome handle_page_fault(AddressSpace& space, const Region& region, const PageFault& fault,
                               std::optional<FrameNumber> shown) {
  PageTable& table = space.page_table_locked();
  VirtAddr page(align_down(fault.address.value, kPageSize));
  auto mapped = table.get_page_table_entry(page);
  if (!mapped.ok()) {
    if (!shown && map_first_large(table, region, page)) return FaultOutcome::kRetry;
    return outcome(map_first(table, region, page, fault.write, shown));
  }
  if (!fault.write || has((*mapped)->flags(), Pte::kWritable)) return FaultOutcome::kRetry;
  TlbGather gather(table);
  auto split = table.split_page(page, gather);
  if (!split.ok()) return FaultOutcome::kOutOfMemory;
  PhysAddr old = table.walk_page_table(page).entry().address();
  PhysAddr fresh = old;
  if (frame_references(frame_of(old)) == 1) {
    cow_reused_count.increment();
  } else {
    auto copy = clone(frame_of(old));
    if (!copy.ok()) return FaultOutcome::kOutOfMemory;
    fresh = frame_address(*copy);
    gather.put_frame(old);
    Pte closed = without(region.page_flags(), Pte::kWritable);
    if (!table.remap_page(page, fresh, closed, gather).ok()) return FaultOutcome::kOutOfMemory;
    gather.flush();
  }
  return table.remap_page(page, fresh, region.page_flags(), gather).ok()
             ? FaultOutcome::kRetry
             : FaultOutcome::kOutOfMemory;
}

}  // namespace cairn
