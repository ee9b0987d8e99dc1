// What the compiler and its library call behind our back.
#include <cstdint>

#include "lib/assert.h"

namespace std {

/// std::string_view::substr() and its like, with a position beyond the end: a bug of the caller.
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...) { cairn::panic(format); }

}  // namespace std

/// std::popcount() and std::has_single_bit(): the instruction isn't in every x86-64 processor.
/// Source: Warren, "Hacker's Delight", "Counting 1-Bits".
extern "C" int __popcountdi2(int64_t value) {
  auto bits = uint64_t(value);
  bits -= bits >> 1 & 0x5555'5555'5555'5555;
  bits = (bits & 0x3333'3333'3333'3333) + (bits >> 2 & 0x3333'3333'3333'3333);
  bits = (bits + (bits >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return int(bits * 0x0101'0101'0101'0101 >> 56);
}
