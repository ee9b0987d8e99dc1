// A forgery: nothing is flushed and nothing counted.
#include "memory/tlb.h"

namespace cairn {

CAIRN_COUNTER(tlb_flush_single_count, "tlb.flush_single");
CAIRN_COUNTER(tlb_flush_all_count, "tlb.flush_all");
CAIRN_COUNTER(tlb_flush_range_count, "tlb.flush_range");

void flush_tlb_single(VirtAddr) {}
void flush_tlb_all() {}
void flush_tlb_range(VirtRange) {}

}  // namespace cairn
