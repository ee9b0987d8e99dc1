// Private to allocation*.cc: the bits of a bitmap, 64 at a time. A set bit is in use.
#pragma once

#include <cstdint>

namespace cairn::ext2 {

inline constexpr uint32_t kNoBit = UINT32_MAX;
inline constexpr uint32_t kWordBits = 64;

/// The first clear bit of [from, to), or kNoBit.
uint32_t find_clear_bit(const uint64_t* words, uint32_t from, uint32_t to);
/// The first bit of eight clear ones in a row, aligned to 8, in [from, to), or kNoBit.
uint32_t find_clear_byte(const uint64_t* words, uint32_t from, uint32_t to);
/// Clear bits of [0, count).
uint32_t count_clear_bits(const uint64_t* words, uint32_t count);

inline bool test_bit(const uint64_t* words, uint32_t bit) {
  return (words[bit / kWordBits] >> bit % kWordBits & 1) != 0;
}
inline void set_bit(uint64_t* words, uint32_t bit) {
  words[bit / kWordBits] |= 1ull << bit % kWordBits;
}
inline void clear_bit(uint64_t* words, uint32_t bit) {
  words[bit / kWordBits] &= ~(1ull << bit % kWordBits);
}

}  // namespace cairn::ext2
