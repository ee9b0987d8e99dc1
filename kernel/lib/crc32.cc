#include "lib/crc32.h"

#include <array>

namespace cairn {

namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
    table[i] = value;
  }
  return table;
}();

}  // namespace

uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before) {
  uint32_t crc = ~before;
  for (uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xff] ^ crc >> 8;
  return ~crc;
}

}  // namespace cairn
