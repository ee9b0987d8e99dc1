// Names for addresses of the kernel's text, from the table that debug/make_symbols.py links in.
#pragma once

#include <cstdint>

#include "lib/format.h"

namespace cairn {

struct Symbol {
  const char* name;  // "?" if unknown
  uint64_t offset;   // bytes from the symbol's start
};

/// The function that contains `address`. O(log n).
Symbol find_symbol(uint64_t address);

/// Return addresses from frame pointer `rbp` on, symbolised, a line each. Stops at the kernel's
/// entry, at an address that is not the kernel's, or after 32.
void print_backtrace(Writer& out, uint64_t rip, uint64_t rbp);

}  // namespace cairn
