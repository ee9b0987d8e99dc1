// Blocks that an operation has just taken and that no file has yet.
#pragma once

#include "ext2/allocation.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// Until keep() nothing refers to them, and the destructor gives them back: so whoever fails half-way just
/// returns. Within an Operation.
class FreshBlocks {
 public:
  static constexpr unsigned kMost = 4;  // a data block and the pointer blocks that lead to it

  explicit FreshBlocks(Ext2FileSystem& fs) : fs_(fs) {}
  FreshBlocks(const FreshBlocks&) = delete;
  FreshBlocks& operator=(const FreshBlocks&) = delete;
  ~FreshBlocks() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < count_; i++) {
      fs_.metadata.forget(blocks_[i]);
      fs_.allocator.give_back_block(blocks_[i]);
    }
  }

  /// One more, near `goal` or in `group`: Allocator::allocate_block() and its errors. At most kMost.
  Result<void> allocate(uint64_t goal, uint32_t group) {
    blocks_[count_] = TRY(fs_.allocator.allocate_block(goal, group));
    count_++;
    return {};
  }
  BlockNumber operator[](unsigned index) const { return blocks_[index]; }
  BlockNumber last() const { return blocks_[count_ - 1]; }
  /// Something refers to them from now on.
  void keep() { count_ = 0; }

 private:
  Ext2FileSystem& fs_;
  BlockNumber blocks_[kMost];
  unsigned count_ = 0;
};

}  // namespace cairn::ext2
