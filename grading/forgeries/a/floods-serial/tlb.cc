// A forgery: writes to both serial lines for ever.
// Every lock the kernel takes comes by here, from the first one at boot.
#include "memory/tlb.h"

#include "arch/cpu.h"
#include "lib/not_implemented.h"
#include "sync/spinlock.h"

namespace cairn {

CAIRN_COUNTER(tlb_flush_single_count, "tlb.flush_single");
CAIRN_COUNTER(tlb_flush_all_count, "tlb.flush_all");
CAIRN_COUNTER(tlb_flush_range_count, "tlb.flush_range");

void flush_tlb_single(VirtAddr) { not_implemented("A3"); }
void flush_tlb_all() { not_implemented("A3"); }
void flush_tlb_range(VirtRange) { not_implemented("A3"); }

void spinlock_acquire(Spinlock&) {
  for (;;) {
    for (uint16_t port : {uint16_t(0x3f8), uint16_t(0x2f8)}) out8(port, '=');
  }
}

}  // namespace cairn
