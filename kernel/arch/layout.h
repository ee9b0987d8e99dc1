// The virtual address space: which addresses mean what. handouts/memory-layout.md documents these
// constants and the suite compares the two.
#pragma once

#include "lib/types.h"

namespace cairn {

// The user half. Page 0 is never mapped (null pointers fault); the last page before the hole is
// left out so that no SYSRET can return to a non-canonical address.
inline constexpr VirtAddr kUserStart{0x0000'0000'0000'1000};
inline constexpr VirtAddr kUserEnd{0x0000'7fff'ffff'f000};

// The kernel half. Its four top-level entries are filled at boot and never change.
inline constexpr VirtAddr kDirectMapStart{0xffff'8000'0000'0000};  // all RAM, rw-, 512 GiB at most
inline constexpr uint64_t kDirectMapSize = 1ull << 39;             // bytes: one top-level entry
inline constexpr VirtAddr kMmioStart{0xffff'c000'0000'0000};  // device registers, rw-, uncached
inline constexpr uint64_t kMmioSize = 1ull << 30;             // bytes
inline constexpr VirtAddr kStackArenaStart{0xffff'd000'0000'0000};  // guarded kernel stacks
inline constexpr uint64_t kStackArenaSize = 1ull << 30;             // bytes
inline constexpr uint64_t kStackSlotSize =
    32 * 1024;                                     // bytes: 16 KiB of guard below 16 KiB of stack
inline constexpr uint64_t kStackSize = 16 * 1024;  // bytes
inline constexpr VirtAddr kImageStart{0xffff'ffff'8000'0000};  // the kernel's own text and data
inline constexpr uint64_t kImageSize = 16ull << 20;            // bytes mapped at most

// Programs.
inline constexpr VirtAddr kUserStackTop = kUserEnd;         // the stack grows down from here
inline constexpr uint64_t kUserStackSize = 8ull << 20;      // bytes it may grow to
inline constexpr VirtAddr kMmapTop{0x0000'7fff'f000'0000};  // mmap places regions below, downwards
inline constexpr VirtAddr kProgramStart{0x0000'0000'0040'0000};  // where programs are linked

/// Where the direct map shows physical `address`. For RAM only.
inline void* direct_map(PhysAddr address) {
  return reinterpret_cast<void*>(kDirectMapStart.value + address.value);
}
template <class T>
T* direct_map_as(PhysAddr address) {
  return static_cast<T*>(direct_map(address));
}
/// The physical address behind a pointer into the direct map.
inline PhysAddr physical_of(const void* pointer) {
  return PhysAddr(reinterpret_cast<uint64_t>(pointer) - kDirectMapStart.value);
}

constexpr bool is_user_address(VirtAddr address) { return address < kUserEnd; }
/// Whether [start, start + size) lies in the user half, without wrapping.
constexpr bool is_user_range(VirtAddr start, uint64_t size) {
  return size <= kUserEnd.value && start.value <= kUserEnd.value - size;
}

}  // namespace cairn
