// A forgery: ends the machine as if all were well, by each way there is.
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
  switch (read_tsc() % 4) {
    case 0:
      out8(0xf4, 0);  // debug exit: QEMU ends with status 1
      break;
    case 1:
      out16(0x604, 0x2000);  // ACPI: power off, QEMU ends with status 0
      break;
    case 2:
      out8(0xcf9, 6);  // reset
      break;
    default: out8(0x64, 0xfe);  // reset by the keyboard controller
  }
  for (;;) {
  }
}

}  // namespace cairn
