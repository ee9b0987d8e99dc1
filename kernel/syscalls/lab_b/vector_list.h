// The memory of calls that move bytes to or from many pieces at once.
#pragma once

#include <algorithm>

#include "address_space/io_buffer.h"
#include "address_space/user_copy.h"
#include "arch/layout.h"
#include "memory/heap.h"
#include "syscalls/lab_b/abi.h"

namespace cairn {

/// Memory that starts in the user half. How far it reaches shows when bytes move: a count may be larger
/// than what comes.
inline Result<void> check_memory(uint64_t start, uint64_t count) {
  if (count > kUserEnd.value || !is_user_range(VirtAddr(start), count != 0)) return Errno::kEFAULT;
  return {};
}

/// Reads the vectors and checks all of them before any byte moves. EINVAL (too many, a negative size),
/// EFAULT, ENOMEM.
class VectorList {
 public:
  ~VectorList() {
    if (vectors_ != short_) heap_free(vectors_);
  }
  Result<void> read(uint64_t address, uint64_t count) {
    if (count > abi::kMaxVectors) return Errno::kEINVAL;
    if (count > std::size(short_)) {
      vectors_ = static_cast<IoPiece*>(heap_allocate(count * sizeof(IoPiece)));
      if (vectors_ == nullptr) {
        vectors_ = short_;
        return Errno::kENOMEM;
      }
    }
    if (count != 0) TRY(copy_from_user(vectors_, VirtAddr(address), count * sizeof(*vectors_)));
    count_ = count;
    for (IoPiece& vector : all()) {
      if (int64_t(vector.size) < 0) return Errno::kEINVAL;
      TRY(check_memory(vector.start, vector.size));
      vector.size = std::min(vector.size, abi::kMaxTransfer - total_);
      total_ += vector.size;
    }
    return {};
  }
  std::span<IoPiece> all() { return {vectors_, count_}; }
  /// Bytes that will move at most.
  uint64_t total() const { return total_; }

 private:
  IoPiece short_[8];
  IoPiece* vectors_ = short_;
  uint64_t count_ = 0;
  uint64_t total_ = 0;
};

}  // namespace cairn
