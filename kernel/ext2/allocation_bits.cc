#include "ext2/allocation_bits.h"

#include <algorithm>
#include <bit>

namespace cairn::ext2 {

uint32_t find_clear_bit(const BitmapView& view, uint32_t from, uint32_t to) {
  if (from >= to) return kNoBit;
  uint32_t word = from / kWordBits;
  uint64_t clear = ~view.taken(word) & ~0ull << from % kWordBits;
  while (clear == 0) {
    if (++word * kWordBits >= to) return kNoBit;
    clear = ~view.taken(word);
  }
  uint32_t bit = word * kWordBits + uint32_t(std::countr_zero(clear));
  return bit < to ? bit : kNoBit;
}

uint32_t find_clear_byte(const BitmapView& view, uint32_t from, uint32_t to) {
  constexpr uint64_t kLow = 0x0101'0101'0101'0101, kHigh = kLow << 7;
  from = (from + 7) & ~7u;
  for (uint32_t word = from / kWordBits; word * kWordBits < to; word++) {
    uint64_t taken = view.taken(word);
    if (word == from / kWordBits) taken |= (1ull << from % kWordBits) - 1;
    // The classic test for a byte that is 0; the lowest one it finds is right.
    uint64_t zero_bytes = (taken - kLow) & ~taken & kHigh;
    if (zero_bytes == 0) continue;
    uint32_t bit = word * kWordBits + (uint32_t(std::countr_zero(zero_bytes)) & ~7u);
    return bit + 8 <= to ? bit : kNoBit;
  }
  return kNoBit;
}

namespace {

/// The bits of [from, to) that lie in the word that begins at bit `start`.
uint64_t mask(uint32_t start, uint32_t from, uint32_t to) {
  uint64_t bits = ~0ull;
  if (from > start) bits &= ~0ull << (from - start);
  if (to < start + kWordBits) bits &= (1ull << (to - start)) - 1;
  return bits;
}

}  // namespace

uint32_t count_clear_bits(const uint64_t* words, uint32_t count) {
  uint32_t clear = 0;
  for (uint32_t start = 0; start < count; start += kWordBits) {
    clear += uint32_t(std::popcount(~words[start / kWordBits] & mask(start, 0, count)));
  }
  return clear;
}

bool all_bits_set(const uint64_t* words, uint32_t from, uint32_t to) {
  for (uint32_t start = from - from % kWordBits; start < to; start += kWordBits) {
    if ((~words[start / kWordBits] & mask(start, from, to)) != 0) return false;
  }
  return true;
}

}  // namespace cairn::ext2
