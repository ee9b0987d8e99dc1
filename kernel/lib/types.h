// Numbers that mean something: addresses, frames, process ids. Distinct types, so that a physical
// address can't be passed where a virtual one is wanted.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace cairn {

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageSize = 1ull << kPageShift;  // bytes
inline constexpr uint64_t kHugePageSize = 1ull << 21;      // bytes

constexpr uint64_t align_down(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}
constexpr bool is_aligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

/// A number of one kind. `value` is public on purpose: leaving the type is explicit, mixing is not
/// possible.
template <class Tag>
struct Number {
  uint64_t value = 0;

  constexpr Number() = default;
  constexpr explicit Number(uint64_t number) : value(number) {}
  constexpr auto operator<=>(const Number&) const = default;

  constexpr Number operator+(uint64_t delta) const { return Number(value + delta); }
  constexpr Number operator-(uint64_t delta) const { return Number(value - delta); }
  constexpr uint64_t operator-(Number other) const { return value - other.value; }
  constexpr Number& operator+=(uint64_t delta) {
    value += delta;
    return *this;
  }
};

using PhysAddr = Number<struct PhysAddrTag>;        // bytes, physical address space
using VirtAddr = Number<struct VirtAddrTag>;        // bytes, virtual address space
using FrameNumber = Number<struct FrameNumberTag>;  // physical address / 4 KiB
using Pid = Number<struct PidTag>;                  // process id, 0 is "none"
using CpuId = Number<struct CpuIdTag>;              // 0 … CPU count - 1, in order of start

using InodeNumber = Number<struct InodeNumberTag>;  // of a file within its file system, 0 is "none"
using BlockNumber = Number<struct BlockNumberTag>;  // of a file system's block, 0 is "none": a hole

constexpr PhysAddr frame_address(FrameNumber frame) { return PhysAddr(frame.value << kPageShift); }
constexpr FrameNumber frame_of(PhysAddr address) {
  return FrameNumber(address.value >> kPageShift);
}

/// Half-open range of virtual addresses [start, end).
struct VirtRange {
  VirtAddr start;
  VirtAddr end;

  constexpr uint64_t size() const { return end - start; }
  constexpr bool empty() const { return end <= start; }
  constexpr bool contains(VirtAddr address) const { return start <= address && address < end; }
  constexpr bool overlaps(VirtRange other) const { return start < other.end && other.start < end; }
};

}  // namespace cairn
