#include "acpi/mp_table.h"

#include "acpi/acpi.h"
#include "arch/layout.h"
#include "lib/string.h"

namespace cairn {

namespace {

struct [[gnu::packed]] FloatingPointer {
  char signature[4];  // "_MP_"
  uint32_t table;     // physical; 0: one of the specification's default configurations
  uint8_t length;     // in units of 16 bytes: 1
  uint8_t revision;
  uint8_t checksum;
  uint8_t features[5];
};
static_assert(sizeof(FloatingPointer) == 16);

constexpr uint64_t kTableLimit = 1 << 20;  // bytes: the firmware keeps its table below
constexpr uint64_t kHeaderSize = 44;

const FloatingPointer* pointer_in(uint64_t start, uint64_t end) {
  for (uint64_t at = start; at + sizeof(FloatingPointer) <= end; at += 16) {
    auto* found = direct_map_as<const FloatingPointer>(PhysAddr(at));
    if (memcmp(found->signature, "_MP_", 4) == 0 && found->length == 1 &&
        byte_sum(found, sizeof(*found)) == 0) {
      return found;
    }
  }
  return nullptr;
}

uint64_t low_memory_word(uint64_t at) { return *direct_map_as<const uint16_t>(PhysAddr(at)); }

/// In the first KiB of the extended BIOS area, in the last of the base memory, or in the BIOS itself.
const FloatingPointer* floating_pointer() {
  uint64_t bios_area = low_memory_word(0x40e) << 4;
  uint64_t base_end = low_memory_word(0x413) << 10;
  const FloatingPointer* found = nullptr;
  if (bios_area >= 0x8'0000 && bios_area < 0xa'0000)
    found = pointer_in(bios_area, bios_area + 1024);
  if (found == nullptr && base_end >= 0x8'0000 && base_end <= 0xa'0000)
    found = pointer_in(base_end - 1024, base_end);
  return found != nullptr ? found : pointer_in(0xf'0000, 0x10'0000);
}

}  // namespace

std::span<const uint8_t> find_mp_table() {
  const FloatingPointer* pointer = floating_pointer();
  if (pointer == nullptr || pointer->table == 0 || pointer->table > kTableLimit - kHeaderSize)
    return {};
  auto* table = direct_map_as<const uint8_t>(PhysAddr(pointer->table));
  uint64_t length = uint64_t(table[4]) | uint64_t(table[5]) << 8;
  if (length < kHeaderSize || pointer->table + length > kTableLimit) return {};
  return {table, length};
}

}  // namespace cairn
