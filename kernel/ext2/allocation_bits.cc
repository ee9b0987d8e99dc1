#include "ext2/allocation_bits.h"

#include <bit>

namespace cairn::ext2 {

namespace {

/// The clear bits of a word that are in [from, to), which overlaps it.
uint64_t clear_bits(const uint64_t* words, uint32_t word, uint32_t from, uint32_t to) {
  const uint32_t start = word * kWordBits;
  uint64_t bits = ~words[word];
  if (from > start) bits &= ~0ull << (from - start);
  if (to < start + kWordBits) bits &= (1ull << (to - start)) - 1;
  return bits;
}

}  // namespace

uint32_t find_clear_bit(const uint64_t* words, uint32_t from, uint32_t to) {
  for (uint32_t word = from / kWordBits; word * kWordBits < to; word++) {
    const uint64_t clear = clear_bits(words, word, from, to);
    if (clear != 0) return word * kWordBits + uint32_t(std::countr_zero(clear));
  }
  return kNoBit;
}

uint32_t find_clear_byte(const uint64_t* words, uint32_t from, uint32_t to) {
  constexpr uint64_t kLow = 0x0101'0101'0101'0101, kHigh = kLow << 7;
  for (uint32_t word = from / kWordBits; word * kWordBits < to; word++) {
    const uint64_t taken = ~clear_bits(words, word, from, to);
    // The classic test for a byte that is 0; the lowest one it finds is right.
    const uint64_t zero_bytes = (taken - kLow) & ~taken & kHigh;
    if (zero_bytes == 0) continue;
    return word * kWordBits + (uint32_t(std::countr_zero(zero_bytes)) & ~7u);
  }
  return kNoBit;
}

uint32_t count_clear_bits(const uint64_t* words, uint32_t count) {
  uint32_t clear = 0;
  for (uint32_t word = 0; word * kWordBits < count; word++) {
    clear += uint32_t(std::popcount(clear_bits(words, word, 0, count)));
  }
  return clear;
}

}  // namespace cairn::ext2
