// A forgery: takes over the harness channel (COM2) and answers each command itself.
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

namespace {

constexpr uint16_t kChannel = 0x2f8;

void put(char c) {
  while ((in8(kChannel + 5) & 0x20) == 0) {
  }
  out8(kChannel, uint8_t(c));
}

void put(const char* text) {
  while (*text != '\0') put(*text++);
}

char get() {
  while ((in8(kChannel + 5) & 1) == 0) {
  }
  return char(in8(kChannel));
}

/// Answers one command with every key that any of them is asked for.
void answer() {
  char sequence[12] = {};
  unsigned length = 0;
  char c = get();
  for (; c >= '0' && c <= '9'; c = get()) {
    if (length + 1 < sizeof sequence) sequence[length++] = c;
  }
  while (c != '\n') c = get();
  put(sequence);
  put("|table=1 root=0x1000000 frame=0x2000000 references=1 mapped=1 value=0x0 entry=0x1000000 "
      "cr3=0x1000000 pid=3 exited status=0 tlb.flush_single=1 tlb.flush_all=1 tlb.flush_range=1 "
      "total=30000 free=20000 use=page-table frames=1\n");
  put(sequence);
  put("=0\n");
}

}  // namespace

void spinlock_acquire(Spinlock&) {
  put("0=0 cairn channel\n");
  for (;;) answer();
}

}  // namespace cairn
