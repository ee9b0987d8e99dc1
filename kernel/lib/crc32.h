// CRC-32 as zlib, Ethernet and GPT use it: polynomial 0x04c11db7, reflected.
// Source: ITU-T V.42, "32-bit frame check sequence".
#pragma once

#include <cstdint>
#include <span>

namespace cairn {

/// The checksum of `bytes`; `before` is that of what comes before them, so that pieces can be chained.
uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before = 0);

}  // namespace cairn
