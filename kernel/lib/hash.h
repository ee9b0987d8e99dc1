// Hashing strings for tables in memory.
// Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm" (FNV-1a, 64 bits).
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

/// A hash of the bytes, begun with `seed`; its low bits are as good as the others. Not for strangers' keys:
/// collisions can be made.
constexpr uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  constexpr uint64_t kBasis = 0xcbf2'9ce4'8422'2325, kPrime = 0x100'0000'01b3;
  uint64_t hash = (kBasis ^ seed) * kPrime;
  for (char c : bytes) hash = (hash ^ uint8_t(c)) * kPrime;
  return hash ^ hash >> 32;
}

}  // namespace cairn
