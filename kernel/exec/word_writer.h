// Writes words to an address space that isn't loaded, upwards, a few at a time.
#pragma once

#include "address_space/foreign_copy.h"

namespace cairn {

class WordWriter {
 public:
  WordWriter(AddressSpace& space, VirtAddr start) : space_(space), at_(start) {}

  /// EFAULT, ENOMEM. What was written is there after flush().
  Result<void> write(uint64_t word) {
    words_[count_++] = word;
    return count_ == kBatch ? flush() : Result<void>();
  }
  Result<void> flush() {
    TRY(copy_to_space(space_, at_, words_, count_ * sizeof(uint64_t)));
    at_ += count_ * sizeof(uint64_t);
    count_ = 0;
    return {};
  }

 private:
  static constexpr uint64_t kBatch = 32;

  AddressSpace& space_;
  VirtAddr at_;
  uint64_t words_[kBatch];
  uint64_t count_ = 0;
};

}  // namespace cairn
