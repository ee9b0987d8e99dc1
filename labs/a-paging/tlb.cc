// LAB A3: forgetting translations. Contract: kernel/memory/tlb.h.
// handouts/a-paging.md#a3 explains them; check with: make grade LAB=a K=A3
#include "memory/tlb.h"

#include "arch/cpu.h"
#include "lib/not_implemented.h"

namespace cairn {

CAIRN_COUNTER(tlb_flush_single_count, "tlb.flush_single");
CAIRN_COUNTER(tlb_flush_all_count, "tlb.flush_all");
CAIRN_COUNTER(tlb_flush_range_count, "tlb.flush_range");

// LAB A3: flush_tlb_single() (handouts/a-paging.md#a3). Check: make grade LAB=a K=A3
void flush_tlb_single(VirtAddr address) {
  // BEGIN SOLUTION A3
  // STARTER: not_implemented("A3");
  tlb_flush_single_count.increment();
  invalidate_page(address);
  // END SOLUTION
}

// LAB A3: flush_tlb_all() (handouts/a-paging.md#a3). Check: make grade LAB=a K=A3
void flush_tlb_all() {
  // BEGIN SOLUTION A3
  // STARTER: not_implemented("A3");
  tlb_flush_all_count.increment();
  Cr3::read().write();
  // END SOLUTION
}

// LAB A3: flush_tlb_range() (handouts/a-paging.md#a3). Check: make grade LAB=a K=A3
void flush_tlb_range(VirtRange range) {
  // BEGIN SOLUTION A3
  // STARTER: not_implemented("A3");
  if (range.empty()) return;
  tlb_flush_range_count.increment();
  VirtAddr first(align_down(range.start.value, kPageSize));
  uint64_t pages = (align_up(range.end.value, kPageSize) - first.value) / kPageSize;
  if (pages > kFlushRangeLimit) {
    Cr3::read().write();
    return;
  }
  for (uint64_t i = 0; i < pages; i++) invalidate_page(first + i * kPageSize);
  // END SOLUTION
}

}  // namespace cairn
