#include "address_space/io_buffer.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "lib/string.h"

namespace cairn {

uint64_t IoBuffer::put_some(const void* from, uint64_t count) {
  return for_each_piece(count, [&](uint64_t done, uint64_t piece) {
    auto* bytes = static_cast<const uint8_t*>(from) + done;
    if (is_user_) return copy_some_to_user(VirtAddr(at_), bytes, piece);
    memcpy(reinterpret_cast<void*>(at_), bytes, piece);
    return piece;
  });
}

uint64_t IoBuffer::take_some(void* to, uint64_t count) {
  return for_each_piece(count, [&](uint64_t done, uint64_t piece) {
    auto* bytes = static_cast<uint8_t*>(to) + done;
    if (is_user_ && only_present_) return copy_present_from_user(bytes, VirtAddr(at_), piece);
    if (is_user_) return copy_some_from_user(bytes, VirtAddr(at_), piece);
    memcpy(bytes, reinterpret_cast<const void*>(at_), piece);
    return piece;
  });
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
  IoBuffer look = *this;
  uint64_t touched = look.for_each_piece(count, [&](uint64_t, uint64_t piece) {
    for (uint64_t at = look.at_; at < look.at_ + piece;
         at = align_down(at, kPageSize) + kPageSize) {
      uint8_t byte;
      if (copy_some_from_user(&byte, VirtAddr(at), 1) != 1) return uint64_t(0);
    }
    return piece;
  });
  return touched == count ? Errno::kOk : Errno::kEFAULT;
}

}  // namespace cairn
