#include "standins/flat_image.h"

#include "arch/layout.h"
#include "lib/crc32.h"
#include "lib/string.h"

namespace cairn {

namespace {

bool is_section(uint64_t address, uint64_t size) {
  return is_aligned(address, kPageSize) && address >= kUserStart.value &&
         is_user_range(VirtAddr(address), align_up(size, kPageSize)) &&
         address + size < kMmapTop.value;
}

}  // namespace

Result<FlatHeader> check_flat_image(std::span<const uint8_t> image) {
  if (image.size() < sizeof(FlatHeader)) return Errno::kENOEXEC;
  FlatHeader header;
  memcpy(&header, image.data(), sizeof(header));
  if (memcmp(header.magic, "CAIRNFLT", 8) != 0 || header.version != 1) return Errno::kENOEXEC;
  constexpr uint64_t kMaxBss = 1ull << 32;
  bool sizes = header.text_size != 0 && header.text_size <= kMaxFlatSection &&
               header.data_size <= kMaxFlatSection && header.bss_size <= kMaxBss &&
               image.size() == sizeof(FlatHeader) + header.text_size + header.data_size;
  if (!sizes) return Errno::kENOEXEC;
  uint64_t text_end = header.text_address + align_up(header.text_size, kPageSize);
  bool places = is_section(header.text_address, header.text_size) &&
                is_section(header.data_address, header.data_size + header.bss_size) &&
                text_end <= header.data_address && header.entry >= header.text_address &&
                header.entry < header.text_address + header.text_size;
  if (!places) return Errno::kENOEXEC;
  if (crc32(image.subspan(sizeof(FlatHeader))) != header.crc32) return Errno::kENOEXEC;
  return header;
}

}  // namespace cairn
