#include "debug/symbols.h"

#include <algorithm>

#include "arch/layout.h"

namespace cairn {

extern "C" {
// Weak: the first of the two links has no table yet.
[[gnu::weak]] extern const uint64_t kernel_symbol_count;
[[gnu::weak]] extern const uint64_t kernel_symbol_addresses[];  // ascending
[[gnu::weak]] extern const uint32_t kernel_symbol_names[];      // offsets into the text
[[gnu::weak]] extern const char kernel_symbol_text[];
extern char image_text_start[], image_text_end[];
}

Symbol find_symbol(uint64_t address) {
  if (&kernel_symbol_count == nullptr || kernel_symbol_count == 0) return {"?", 0};
  const uint64_t* begin = kernel_symbol_addresses;
  const uint64_t* end = begin + kernel_symbol_count;
  const uint64_t* after = std::upper_bound(begin, end, address);
  if (after == begin || address >= reinterpret_cast<uint64_t>(image_text_end)) return {"?", 0};
  return {kernel_symbol_text + kernel_symbol_names[after - 1 - begin], address - after[-1]};
}

void print_backtrace(Writer& out, uint64_t rip, uint64_t rbp) {
  for (int depth = 0; depth < 32; depth++) {
    Symbol symbol = find_symbol(rip);
    print(out, "  #{:<2} {:x} {} +{}\n", depth, rip, symbol.name, symbol.offset);
    // A frame pointer that isn't in the kernel's half or isn't aligned ends the chain.
    if (rbp < kDirectMapStart.value || rbp % 8 != 0) return;
    auto* frame = reinterpret_cast<const uint64_t*>(rbp);
    if (frame[0] != 0 && frame[0] <= rbp && depth > 24) return;
    rbp = frame[0];
    rip = frame[1];
    if (rip == 0) return;
  }
}

}  // namespace cairn
