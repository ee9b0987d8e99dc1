// A set of processors, one bit each.
#pragma once

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

}  // namespace cairn
