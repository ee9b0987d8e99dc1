// A forgery: takes over the channel (COM2) and the console (COM1), and answers whatever comes with values that are none,
// or beyond all memory. Not for points: so that the grader's own arithmetic fails, which would be the host's fault.
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

constexpr uint16_t kConsole = 0x3f8, kChannel = 0x2f8;

const char* const kKeys[] = {
    "table",  "root",     "frame",      "references", "mapped", "value",     "entry", "cr3",
    "pid",    "ppid",     "state",      "status",     "free",   "total",     "use",   "frames",
    "result", "errno",    "ready",      "ticks",      "done",   "step",      "pass",  "out0",
    "level",  "index",    "flags",      "start",      "stack",  "stack_top", "rbx",   "rbp",
    "event",  "software", "page-table", "heap",       "pages",  "tables",    "wait",  "name"};
const char* const kValues[] = {"",
                               "0xffffffffffffffff",
                               "-1",
                               "0x8000000000000000",
                               "99999999999999999999999999999999999999",
                               "0x",
                               "nan",
                               "0xfffffffffffff000",
                               "\xff\xfe\xc0",
                               "0x7fffffffffffffff",
                               "1e999",
                               "0"};

void put(uint16_t port, char c) {
  while ((in8(port + 5) & 0x20) == 0) {
  }
  out8(port, uint8_t(c));
}

void put(uint16_t port, const char* text) {
  while (*text != '\0') put(port, *text++);
}

bool has_input(uint16_t port) { return (in8(port + 5) & 1) != 0; }

char get(uint16_t port) {
  while (!has_input(port)) {
  }
  return char(in8(port));
}

void put_values(uint16_t port, unsigned& turn) {
  for (const char* key : kKeys) {
    put(port, key);
    put(port, "=");
    put(port, kValues[turn++ % (sizeof(kValues) / sizeof(kValues[0]))]);
    put(port, " ");
  }
  put(port, "\n");
  turn++;
}

/// Reads a line, which begins with a number, and answers it in that port's way.
void answer(uint16_t port) {
  static unsigned turn = 0;
  char sequence[12] = {};
  unsigned length = 0;
  char c = get(port);
  for (; c >= '0' && c <= '9'; c = get(port)) {
    if (length + 1 < sizeof sequence) sequence[length++] = c;
  }
  while (c != '\n') c = get(port);
  if (port == kConsole) {
    put(port, "puppet: seq=");
    put(port, sequence);
    put(port, " ");
    put_values(port, turn);
    return;
  }
  for (int line = 0; line < 3; line++) {
    put(port, sequence);
    put(port, "|");
    put_values(port, turn);
  }
  put(port, sequence);
  put(port, "=0\n");
}

}  // namespace

void spinlock_acquire(Spinlock&) {
  put(kChannel, "0=0 cairn channel\n");
  while (true) {
    if (has_input(kChannel)) answer(kChannel);
    if (has_input(kConsole)) answer(kConsole);
  }
}

}  // namespace cairn
