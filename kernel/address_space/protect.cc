// What becomes of pages whose regions stay: mprotect and madvise; and what access regions give.
#include <algorithm>

#include "address_space/address_space.h"
#include "lib/assert.h"
#include "memory/page_cursor.h"

namespace cairn {

Result<void> AddressSpace::advise_range(VirtRange range, bool drop, bool private_only) {
  MutexGuard guard(lock);
  TlbGather gather(table_);
  Result<void> result;
  for (VirtAddr at = range.start; at < range.end;) {
    Region* region = region_at(at);
    if (region == nullptr) {
      result = Errno::kENOMEM;
      region = regions_.lower_bound(at);
      if (region == nullptr || region->range.start >= range.end) break;
      at = region->range.start;
    }
    VirtAddr end = std::min(region->range.end, range.end);
    if (private_only && region->object != nullptr) return Errno::kEINVAL;
    if (drop) {
      for (VirtAddr edge : {at, end}) {  // a 2 MiB page may reach beyond
        if (is_aligned(edge.value, kHugePageSize) || !table_.is_mapped(edge)) continue;
        TRY(table_.split_page(edge, gather));
      }
      unmap_pages({at, end}, gather);
    }
    at = end;
  }
  return result;
}

Result<void> AddressSpace::protect_range(VirtRange range, Access access) {
  MutexGuard guard(lock);
  // The whole range must belong to regions before anything changes.
  VirtRange covered{kUserEnd, range.start};
  uint64_t more_data = 0;
  while (covered.end < range.end) {
    Region* region = region_at(covered.end);
    if (region == nullptr) return Errno::kENOMEM;
    if (access.write && !region->may_write) return Errno::kEACCES;
    bool becomes_data =
        access.write && !region->is_data() && !region->shared && region->kind != RegionKind::kStack;
    if (becomes_data) {
      more_data +=
          std::min(region->range.end, range.end) - std::max(region->range.start, range.start);
    }
    covered = {std::min(covered.start, region->range.start), region->range.end};
  }
  if (!may_have(0, more_data)) return Errno::kENOMEM;
  TlbGather gather(table_);
  if (covered.start < range.start) TRY(split_at(range.start, gather));
  if (covered.end > range.end) TRY(split_at(range.end, gather));
  for (Region* region = regions_.lower_bound(range.start);
       region != nullptr && region->range.start < range.end; region = regions_.next(*region)) {
    if (region->access == access) continue;
    region->access = access;
    regions_.refresh(*region);
    narrow_pages(*region, gather);
  }
  return {};
}

Result<void> AddressSpace::protect_region(VirtAddr inside, Access access) {
  MutexGuard guard(lock);
  Region* region = region_at(inside);
  if (region == nullptr) return Errno::kENOMEM;
  if (access.write && !region->may_write) return Errno::kEACCES;
  region->access = access;
  regions_.refresh(*region);
  TlbGather gather(table_);
  narrow_pages(*region, gather);
  return {};
}

/// After the region's access changed: pages get its permissions, except that none becomes writable
/// here, since it might be shared. The first write will fault and decide that. Without any access a
/// page stays in the table but out of the user's reach.
void AddressSpace::narrow_pages(const Region& region, TlbGather& gather) {
  Pte flags = without(region.page_flags(), Pte::kWritable);
  if (!region.access.read && !region.access.write && !region.access.execute) {
    flags = without(flags, Pte::kUser);
    has_hidden_pages_ = true;
  }
  PageCursor pages(table_, region.range);
  while (auto page = pages.next()) {
    auto changed =
        table_.remap_page(page->start, page->entry->address(), flags, gather, page->size);
    ASSERT(changed.ok());  // a whole page that is mapped: nothing to allocate
  }
}

bool AddressSpace::regions_permit(VirtAddr start, uint64_t size, bool write) {
  MutexGuard guard(lock);
  for (VirtAddr at = start; at < start + size;) {
    Region* region = region_at(at);
    if (region == nullptr) {
      // Perhaps the stack's to grow into: the fault will tell, up to the next region.
      Region* next = regions_.lower_bound(at);
      if (next == nullptr) return true;
      at = next->range.start;
      continue;
    }
    const Access& access = region->access;
    if (write ? !access.write : !(access.read || access.write || access.execute)) return false;
    at = region->range.end;
  }
  return true;
}

}  // namespace cairn
