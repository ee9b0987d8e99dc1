// The header of a flat program (user/pack_flat.py writes it).
#pragma once

#include <cstdint>
#include <span>

#include "lib/result.h"

namespace cairn {

struct FlatHeader {
  char magic[8];     // "CAIRNFLT"
  uint32_t version;  // 1
  uint32_t crc32;    // of everything after the header (ISO 3309, as zlib computes it)
  uint64_t entry;
  uint64_t text_address, text_size;  // bytes; page-aligned address
  uint64_t data_address, data_size;
  uint64_t bss_size;  // zeros right after the data
  uint64_t reserved[2];
};
static_assert(sizeof(FlatHeader) == 80);

inline constexpr uint64_t kMaxFlatSection = 2 << 20;  // bytes of text, or of data

/// The header of a whole, undamaged image whose sections lie apart in the user half. ENOEXEC.
Result<FlatHeader> check_flat_image(std::span<const uint8_t> image);

}  // namespace cairn
