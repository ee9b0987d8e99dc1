// An alternative to labs/a-paging/tlb.cc.
#include "memory/tlb.h"

#include "arch/cpu.h"

namespace cairn {

CAIRN_COUNTER(tlb_flush_single_count, "tlb.flush_single");
CAIRN_COUNTER(tlb_flush_all_count, "tlb.flush_all");
CAIRN_COUNTER(tlb_flush_range_count, "tlb.flush_range");

namespace {

void forget_everything() { Cr3::read().write(); }

}  // namespace

void flush_tlb_single(VirtAddr address) {
  invalidate_page(VirtAddr(align_down(address.value, kPageSize)));
  tlb_flush_single_count.increment();
}

void flush_tlb_all() {
  forget_everything();
  tlb_flush_all_count.increment();
}

void flush_tlb_range(VirtRange range) {
  if (range.empty()) return;
  tlb_flush_range_count.increment();
  uint64_t first = range.start.value >> kPageShift;
  uint64_t last = (range.end.value - 1) >> kPageShift;
  if (last - first >= kFlushRangeLimit) return forget_everything();
  for (uint64_t page = last; page + 1 > first; page--)
    invalidate_page(VirtAddr(page << kPageShift));
}

}  // namespace cairn
