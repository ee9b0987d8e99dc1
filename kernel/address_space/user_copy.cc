#include "address_space/user_copy.h"

#include <algorithm>

#include "address_space/address_space.h"
#include "arch/layout.h"
#include "arch/user_access.h"
#include "lib/string.h"

namespace cairn {

namespace {

bool is_accessible(VirtAddr start, uint64_t count, bool write) {
  AddressSpace* space = current_address_space();
  return is_user_range(start, count) && space != nullptr &&
         space->permits_kernel_access(start, count, write);
}

}  // namespace

uint64_t copy_some_to_user(VirtAddr to, const void* from, uint64_t count) {
  if (!is_accessible(to, count, true)) return 0;
  UserAccess open;
  return count - raw_copy_user(reinterpret_cast<void*>(to.value), from, count);
}

uint64_t copy_some_from_user(void* to, VirtAddr from, uint64_t count) {
  if (!is_accessible(from, count, false)) return 0;
  UserAccess open;
  return count - raw_copy_user(to, reinterpret_cast<const void*>(from.value), count);
}

uint64_t copy_present_from_user(void* to, VirtAddr from, uint64_t count) {
  if (!is_accessible(from, count, false)) return 0;
  UserAccess open;
  return count - raw_copy_present(to, reinterpret_cast<const void*>(from.value), count);
}

Result<void> copy_to_user(VirtAddr to, const void* from, uint64_t count) {
  if (!is_accessible(to, count, true)) return Errno::kEFAULT;
  UserAccess open;
  if (raw_copy_user(reinterpret_cast<void*>(to.value), from, count) != 0) return Errno::kEFAULT;
  return {};
}

Result<void> copy_from_user(void* to, VirtAddr from, uint64_t count) {
  if (!is_accessible(from, count, false)) return Errno::kEFAULT;
  UserAccess open;
  if (raw_copy_user(to, reinterpret_cast<const void*>(from.value), count) != 0)
    return Errno::kEFAULT;
  return {};
}

Result<void> copy_fields_to_user(VirtAddr to, uint64_t stride, const void* from, uint64_t size,
                                 uint64_t count) {
  if (count == 0) return {};
  if (!is_accessible(to, (count - 1) * stride + size, true)) return Errno::kEFAULT;
  UserAccess open;
  for (uint64_t i = 0; i < count; i++) {
    auto* target = reinterpret_cast<void*>(to.value + i * stride);
    if (raw_copy_user(target, static_cast<const uint8_t*>(from) + i * size, size) != 0)
      return Errno::kEFAULT;
  }
  return {};
}

Result<uint32_t> exchange_user_word(VirtAddr at, uint32_t expected, uint32_t desired) {
  if (!is_accessible(at, sizeof(uint32_t), true)) return Errno::kEFAULT;
  UserAccess open;
  if (!raw_exchange_user(reinterpret_cast<uint32_t*>(at.value), &expected, desired))
    return Errno::kEFAULT;
  return expected;
}

std::optional<uint32_t> load_present_word(VirtAddr at) {
  UserAccess open;
  uint32_t word;
  if (!raw_load_present(&word, reinterpret_cast<const uint32_t*>(at.value))) return {};
  return word;
}

std::optional<uint32_t> exchange_present_word(VirtAddr at, uint32_t expected, uint32_t desired) {
  UserAccess open;
  if (!raw_exchange_present(reinterpret_cast<uint32_t*>(at.value), &expected, desired)) return {};
  return expected;
}

Result<uint64_t> copy_string_from_user(std::span<char> buffer, VirtAddr from) {
  uint64_t length = 0;
  while (length < buffer.size()) {
    // Up to the end of a page at a time: the string may end right before an unmapped one.
    uint64_t to_page_end = kPageSize - (from.value + length) % kPageSize;
    uint64_t piece = std::min<uint64_t>(buffer.size() - length, to_page_end);
    TRY(copy_from_user(&buffer[length], from + length, piece));
    for (uint64_t i = 0; i < piece; i++, length++) {
      if (buffer[length] == '\0') return length;
    }
  }
  return Errno::kENAMETOOLONG;
}

Result<uint64_t> string_size_from_user(VirtAddr from, uint64_t most) {
  char piece[256];
  for (uint64_t size = 0; size < most;) {
    VirtAddr at = from + size;
    uint64_t count = std::min(most - size, sizeof(piece) - at.value % sizeof(piece));
    TRY(copy_from_user(piece, at, count));
    const void* end = memchr(piece, 0, count);
    if (end != nullptr) return size + uint64_t(static_cast<const char*>(end) - piece) + 1;
    size += count;
  }
  return uint64_t(0);
}

}  // namespace cairn
