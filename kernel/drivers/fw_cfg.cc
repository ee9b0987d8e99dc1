#include "drivers/fw_cfg.h"

#include <algorithm>
#include <cstdint>

#include "arch/cpu.h"
#include "lib/string.h"

namespace cairn {

namespace {

constexpr uint16_t kSelector = 0x510;
constexpr uint16_t kData = 0x511;
constexpr uint16_t kSignatureItem = 0x00;
constexpr uint16_t kDirectoryItem = 0x19;

struct [[gnu::packed]] FileEntry {
  uint32_t size;    // big-endian
  uint16_t select;  // big-endian
  uint16_t reserved;
  char name[56];
};

void read_bytes(void* to, size_t count) {
  auto* bytes = static_cast<uint8_t*>(to);
  for (size_t i = 0; i < count; i++) bytes[i] = in8(kData);
}

}  // namespace

Result<size_t> read_fw_cfg(std::string_view name, std::span<char> buffer) {
  char signature[4];
  out16(kSelector, kSignatureItem);
  read_bytes(signature, sizeof(signature));
  if (memcmp(signature, "QEMU", 4) != 0) return Errno::kENODEV;

  uint32_t count;
  out16(kSelector, kDirectoryItem);
  read_bytes(&count, sizeof(count));
  count = __builtin_bswap32(count);
  for (uint32_t i = 0; i < count && i < 4096; i++) {
    FileEntry entry;
    read_bytes(&entry, sizeof(entry));
    entry.name[sizeof(entry.name) - 1] = '\0';
    if (name != entry.name) continue;
    size_t length = std::min<size_t>(__builtin_bswap32(entry.size), buffer.size());
    out16(kSelector, __builtin_bswap16(entry.select));
    read_bytes(buffer.data(), length);
    return length;
  }
  return Errno::kENOENT;
}

}  // namespace cairn
