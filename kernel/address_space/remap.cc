// mremap: a part of a region gets longer, shorter, or other addresses. Its pages stay what they are: those that move are
// mapped at their new place before they leave the old one, so whatever fails, nothing is lost.
#include "address_space/address_space.h"
#include "address_space/detached_regions.h"
#include "memory/frame_refs.h"
#include "memory/page_cursor.h"

namespace cairn {

/// Maps what is mapped in `from` at `to`, too. ENOMEM: some of it.
Result<void> AddressSpace::show_pages_at(VirtRange from, VirtAddr to) {
  PageCursor pages(table_, from);
  while (auto page = pages.next()) {
    const PhysAddr frame = page->entry->address();
    frame_get(frame_of(frame));
    auto mapped = table_.map_page(to + (page->start - from.start), frame,
                                  page->entry->flags() & kPermissionBits);
    if (mapped.ok()) continue;
    frame_put(frame_of(frame));
    return mapped;
  }
  return {};
}

/// `from` lies in one region; nothing lies in `to`, which becomes one of its own.
Result<void> AddressSpace::move_pages(VirtRange from, VirtRange to, DetachedRegions& detached) {
  const Region& region = *region_at(from.start);
  Region* moved = region.alike(to, region.object_offset_of(from.start));
  if (moved == nullptr) return Errno::kENOMEM;
  moved->grows_down = false;
  insert_region(*moved);
  auto result = show_pages_at(from, to.start);
  if (result.ok()) result = unmap_locked(from, detached);
  if (!result.ok()) (void)unmap_locked(to, detached);  // a whole region: nothing that could fail
  return result;
}

Result<VirtAddr> AddressSpace::remap_range(VirtRange range, uint64_t size, bool may_move,
                                           std::optional<VirtAddr> to) {
  DetachedRegions detached;
  MutexGuard guard(lock);
  Region* region = region_at(range.start);
  if (region == nullptr || region->range.end < range.end) return Errno::kEFAULT;
  if (region->huge) return Errno::kEINVAL;
  const VirtRange target = to ? VirtRange{*to, *to + size} : VirtRange{};
  if (to && target.overlaps(range)) return Errno::kEINVAL;
  if (to && *to < kUserStart) return Errno::kEPERM;
  const uint64_t more = size > range.size() ? size - range.size() : 0;
  if (!may_have(more, region->is_data() ? more : 0)) return Errno::kENOMEM;
  if (more == 0 && size < range.size()) {
    TRY(unmap_locked({range.start + size, range.end}, detached));
    range.end = range.start + size;
  }
  if (to) {
    TRY(unmap_locked(target, detached));
    TRY(move_pages(range, target, detached));
    return *to;
  }
  if (more == 0) return range.start;
  VirtRange behind{range.end, range.end + more};
  bool grows = range.end == region->range.end && behind.end <= kMmapTop && is_free(behind);
  if (grows) {
    set_end(*region, behind.end);
    return range.start;
  }
  if (!may_move) return Errno::kENOMEM;
  VirtAddr start = TRY(find_gap(regions_, size, kPageSize, kUserStart, kMmapTop));
  TRY(move_pages(range, {start, start + size}, detached));
  return start;
}

}  // namespace cairn
