// A process's supplementary groups: a sorted list that never changes and is shared by those who have it.
#pragma once

#include <algorithm>
#include <span>

#include "lib/ref_ptr.h"
#include "memory/heap.h"

namespace cairn {

class GroupList final : public RefCounted<GroupList> {
 public:
  static constexpr size_t kMax = 65536;  // as on Linux

  /// Takes the array, which is from the heap, over.
  GroupList(uint32_t* groups, size_t count) : groups_(groups), count_(count) {
    std::sort(groups_, groups_ + count_);
  }
  ~GroupList() { heap_free(groups_); }

  bool has(uint32_t group) const { return std::binary_search(groups_, groups_ + count_, group); }
  std::span<const uint32_t> groups() const { return {groups_, count_}; }

 private:
  uint32_t* groups_;
  size_t count_;
};

}  // namespace cairn
