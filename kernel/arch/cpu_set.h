// Sets of processors, one bit each.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/types.h"

namespace cairn {

inline constexpr unsigned kMaxCpus = 64;

struct CpuSet {
  uint64_t bits = 0;  // bit n: the processor with CpuId n

  static constexpr CpuSet all() { return {~0ull}; }
  static constexpr CpuSet of(CpuId cpu) { return {1ull << cpu.value}; }
  constexpr bool has(CpuId cpu) const { return (bits >> cpu.value & 1) != 0; }
  constexpr bool empty() const { return bits == 0; }
  constexpr CpuSet with(CpuId cpu) const { return {bits | 1ull << cpu.value}; }
  constexpr CpuSet without(CpuId cpu) const { return {bits & ~(1ull << cpu.value)}; }
};

/// A set that any number of processors look at and change at once. All operations are sequentially
/// consistent.
class AtomicCpuSet {
 public:
  CpuSet load() const { return {bits_.load()}; }
  void add(CpuId cpu) { bits_.fetch_or(CpuSet::of(cpu).bits); }
  void remove(CpuId cpu) { bits_.fetch_and(~CpuSet::of(cpu).bits); }

 private:
  std::atomic<uint64_t> bits_{0};
};

}  // namespace cairn
