// A set of numbers below kCount, one bit each, searched a word at a time.
#pragma once

#include <bit>
#include <cstdint>

namespace cairn {

template <int kCount>
struct BitSet {
  static constexpr int kWordBits = 64;
  static_assert(kCount % kWordBits == 0);

  uint64_t words[kCount / kWordBits] = {};

  bool has(int number) const { return (words[number / kWordBits] >> number % kWordBits & 1) != 0; }
  void set(int number, bool value) {
    uint64_t bit = 1ull << number % kWordBits;
    if (value) {
      words[number / kWordBits] |= bit;
    } else {
      words[number / kWordBits] &= ~bit;
    }
  }
  /// The first number from `from` < kCount on that is in the set (or, for false, isn't); kCount if there is
  /// none.
  int find(int from, bool value) const {
    for (int word = from / kWordBits; word < kCount / kWordBits; word++) {
      uint64_t candidates = value ? words[word] : ~words[word];
      if (word == from / kWordBits) candidates &= ~0ull << from % kWordBits;
      if (candidates != 0) return word * kWordBits + std::countr_zero(candidates);
    }
    return kCount;
  }
  /// The last number in the set; -1 if it is empty.
  int last() const {
    for (int word = kCount / kWordBits - 1; word >= 0; word--) {
      if (words[word] != 0) return word * kWordBits + std::bit_width(words[word]) - 1;
    }
    return -1;
  }
};

}  // namespace cairn
