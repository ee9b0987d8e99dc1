#include "address_space/io_buffer.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "lib/string.h"

namespace cairn {

uint64_t IoBuffer::put_some(const void* from, uint64_t count) {
  if (is_user_) {
    count = copy_some_to_user(VirtAddr(at_), from, count);
  } else {
    memcpy(reinterpret_cast<void*>(at_), from, count);
  }
  advance(count);
  return count;
}

uint64_t IoBuffer::take_some(void* to, uint64_t count) {
  if (only_present_ && is_user_) {
    count = copy_present_from_user(to, VirtAddr(at_), count);
  } else if (is_user_) {
    count = copy_some_from_user(to, VirtAddr(at_), count);
  } else {
    memcpy(to, reinterpret_cast<const void*>(at_), count);
  }
  advance(count);
  return count;
}

Result<void> IoBuffer::put(const void* from, uint64_t count) {
  IoBuffer before = *this;
  if (put_some(from, count) == count) return {};
  *this = before;
  return Errno::kEFAULT;
}

Result<void> IoBuffer::take(void* to, uint64_t count) {
  IoBuffer before = *this;
  if (take_some(to, count) == count) return {};
  *this = before;
  return Errno::kEFAULT;
}

Result<void> IoBuffer::put_zeros(uint64_t count) {
  static constexpr uint8_t kZeros[256] = {};
  IoBuffer before = *this;
  for (uint64_t left = count; left > 0;) {
    uint64_t piece = std::min<uint64_t>(left, sizeof(kZeros));
    if (put_some(kZeros, piece) != piece) {
      *this = before;
      return Errno::kEFAULT;
    }
    left -= piece;
  }
  return {};
}

Result<void> IoBuffer::touch(uint64_t count) {
  if (!is_user_) return {};
  for (uint64_t at = at_; at < at_ + count; at = align_down(at, kPageSize) + kPageSize) {
    uint8_t byte;
    if (copy_some_from_user(&byte, VirtAddr(at), 1) != 1) return Errno::kEFAULT;
  }
  return {};
}

}  // namespace cairn
