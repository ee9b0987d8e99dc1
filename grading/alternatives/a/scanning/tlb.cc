// An alternative to labs/a-paging/tlb.cc: all three are one function.
#include "memory/tlb.h"

#include <optional>

#include "arch/cpu.h"

namespace cairn {

CAIRN_COUNTER(tlb_flush_single_count, "tlb.flush_single");
CAIRN_COUNTER(tlb_flush_all_count, "tlb.flush_all");
CAIRN_COUNTER(tlb_flush_range_count, "tlb.flush_range");

namespace {

void flush(Counter& kind, std::optional<VirtRange> range) {
  kind.increment();
  if (!range || range->size() > kFlushRangeLimit * kPageSize) {
    Cr3::read().write();
    return;
  }
  for (VirtAddr page = range->start; page < range->end; page += kPageSize) invalidate_page(page);
}

VirtRange whole_pages(VirtAddr start, VirtAddr end) {
  return {VirtAddr(align_down(start.value, kPageSize)), VirtAddr(align_up(end.value, kPageSize))};
}

}  // namespace

void flush_tlb_single(VirtAddr address) {
  flush(tlb_flush_single_count, whole_pages(address, address + 1));
}

void flush_tlb_all() { flush(tlb_flush_all_count, std::nullopt); }

void flush_tlb_range(VirtRange range) {
  if (!range.empty()) flush(tlb_flush_range_count, whole_pages(range.start, range.end));
}

}  // namespace cairn
