// What walks over an object's mappings do in one address space (address_space/memory_object.h), and
// writing back what was written through them.
#include <algorithm>

#include "address_space/address_space.h"
#include "memory/frame_refs.h"

namespace cairn {

/// Calls `use(region, page, walk)` for each mapped page that shows a page of `wanted`. Regions may have
/// been split or replaced since the walk saw them, so what they show now is looked up.
template <class Use>
void AddressSpace::for_each_object_page(const ObjectPages& wanted, VirtRange range, Use use) {
  Region* region = regions_.at_or_before(range.start);
  if (region == nullptr) region = regions_.lower_bound(range.start);
  for (; region != nullptr && region->range.start < range.end; region = regions_.next(*region)) {
    if (region->object != &wanted.object) continue;
    VirtRange part = wanted.part_of(*region);
    for (VirtAddr at = part.start; at < part.end;) {
      PageWalk walk = table_.walk_page_table(at);
      if (walk.level == 0) return;
      VirtAddr next = walk.end(at);
      if (walk.is_mapped()) use(*region, at, walk);
      at = next;
    }
  }
}

void AddressSpace::unmap_object_pages(const ObjectPages& pages, VirtRange range) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(pages, range, [&](Region&, VirtAddr at, const PageWalk&) {
    auto old = table_.unmap_page(at, gather);
    if (old.ok()) gather.put_frame(old->address());
  });
}

void AddressSpace::unmap_object_frame(const ObjectPages& page, VirtRange range, FrameNumber frame) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(page, range, [&](Region&, VirtAddr at, const PageWalk& walk) {
    if (walk.entry().address() != frame_address(frame)) return;
    auto old = table_.unmap_page(at, gather);
    if (old.ok()) gather.put_frame(old->address());
  });
}

void AddressSpace::protect_object_pages(const ObjectPages& pages, VirtRange range) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(pages, range, [&](Region& region, VirtAddr at, const PageWalk& walk) {
    if (!region.shared || !has(walk.entry().flags(), Pte::kWritable)) return;
    (void)walk.entry().remove(Pte::kWritable);
    gather.add(at);
  });
}

bool AddressSpace::take_object_accessed(const ObjectPages& page, VirtRange range,
                                        FrameNumber frame) {
  MutexGuard guard(lock);
  bool accessed = false;
  for_each_object_page(page, range, [&](Region&, VirtAddr, const PageWalk& walk) {
    if (walk.entry().address() != frame_address(frame)) return;
    // Not flushed: a processor that keeps the translation doesn't set the bit again, and the page
    // only looks less used than it is.
    accessed |= has(walk.entry().remove(Pte::kAccessed).flags(), Pte::kAccessed);
  });
  return accessed;
}

Result<void> AddressSpace::write_back_range(VirtRange range, bool wait) {
  Result<void> result;
  for (VirtAddr at = range.start; at < range.end;) {
    MemoryObject* object = nullptr;
    RefPtr<ObjectKeeper> keeper;
    uint64_t offset = 0;
    VirtAddr end;
    {
      MutexGuard guard(lock);
      Region* region = region_at(at);
      if (region == nullptr) {
        result = Errno::kENOMEM;  // the rest is written nevertheless
        region = regions_.lower_bound(at);
        if (region == nullptr || region->range.start >= range.end) break;
        at = region->range.start;
      }
      end = std::min(region->range.end, range.end);
      if (region->shared) object = region->object;
      keeper = region->keeper;
      offset = region->object_offset_of(at);
    }
    if (object != nullptr && wait) {
      auto written = object->write_back_range(offset, end - at);
      if (!written.ok()) return written;
    }
    at = end;
  }
  return result;
}

}  // namespace cairn
