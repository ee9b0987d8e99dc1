// What walks over an object's mappings do in one address space (address_space/memory_object.h), and
// writing back what was written through them.
#include <algorithm>

#include "address_space/address_space.h"
#include "memory/page_cursor.h"

namespace cairn {

/// Calls `use(region, page)` for each mapped page that shows a page of `wanted`. Regions may have
/// been split or replaced since the walk saw them, so what they show now is looked up.
template <class Use>
void AddressSpace::for_each_object_page(const ObjectPages& wanted, VirtRange range, Use use) {
  Region* region = regions_.at_or_before(range.start);
  if (region == nullptr) region = regions_.lower_bound(range.start);
  for (; region != nullptr && region->range.start < range.end; region = regions_.next(*region)) {
    if (region->object != &wanted.object) continue;
    PageCursor pages(table_, wanted.part_of(*region));
    while (auto page = pages.next()) use(*region, *page);
  }
}

void AddressSpace::unmap_object_pages(const ObjectPages& pages, VirtRange range) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(pages, range, [&](Region&, const MappedPage& page) {
    auto old = table_.unmap_page(page.start, gather);
    if (old.ok()) gather.put_frame(old->address());
  });
}

void AddressSpace::unmap_object_frame(const ObjectPages& wanted, VirtRange range,
                                      FrameNumber frame) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(wanted, range, [&](Region&, const MappedPage& page) {
    if (page.entry->address() != frame_address(frame)) return;
    auto old = table_.unmap_page(page.start, gather);
    if (old.ok()) gather.put_frame(old->address());
  });
}

void AddressSpace::protect_object_pages(const ObjectPages& pages, VirtRange range) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  for_each_object_page(pages, range, [&](Region& region, const MappedPage& page) {
    if (!region.shared || !has(page.entry->flags(), Pte::kWritable)) return;
    (void)page.entry->remove(Pte::kWritable);
    gather.add(page.start);
  });
}

bool AddressSpace::take_object_accessed(const ObjectPages& wanted, VirtRange range,
                                        FrameNumber frame) {
  MutexGuard guard(lock);
  bool accessed = false;
  for_each_object_page(wanted, range, [&](Region&, const MappedPage& page) {
    if (page.entry->address() != frame_address(frame)) return;
    // Not flushed: a processor that keeps the translation doesn't set the bit again, and the page
    // only looks less used than it is.
    accessed |= has(page.entry->remove(Pte::kAccessed).flags(), Pte::kAccessed);
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
