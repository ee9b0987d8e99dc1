// What the loader says about physical memory, and the first allocations from it.
#pragma once

#include <array>
#include <span>

#include "lib/types.h"

namespace cairn {

struct PhysRange {
  PhysAddr start;
  PhysAddr end;
  constexpr uint64_t size() const { return end.value > start.value ? end - start : 0; }
};

/// Usable RAM minus what is taken. Filled at boot, before there is any other allocator; afterwards
/// immutable.
class MemoryMap {
 public:
  /// Adds usable RAM; partial pages at its ends are dropped. Ignored beyond 128 ranges.
  void add(PhysRange range);
  /// Takes [start, end), rounded outwards to pages, out of what is usable.
  void reserve(PhysRange range);
  /// `bytes` of zeroed memory on a page boundary below `limit`, for ever. {0} if there is none.
  PhysAddr take(uint64_t bytes, PhysAddr limit);

  std::span<const PhysRange> usable() const { return {usable_.data(), usable_count_}; }
  /// All RAM that was ever added, taken or not: what the direct map must show.
  std::span<const PhysRange> ram() const { return {ram_.data(), ram_count_}; }
  PhysAddr end() const { return end_; }
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  void remove_at(size_t index);

  std::array<PhysRange, 128> ram_{};
  size_t ram_count_ = 0;
  std::array<PhysRange, 160> usable_{};
  size_t usable_count_ = 0;
  PhysAddr end_{};
  uint64_t total_bytes_ = 0;
};

}  // namespace cairn
