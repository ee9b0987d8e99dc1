// On the host: "physical memory" is an array, and the direct map a pointer into it.
#pragma once

#include "lib/types.h"

namespace cairn {

inline constexpr VirtAddr kUserStart{0x1000};
inline constexpr VirtAddr kUserEnd{0x0000'7fff'ffff'f000};
inline constexpr VirtAddr kUserStackTop = kUserEnd;
inline constexpr uint64_t kUserStackSize = 8ull << 20;

/// Where physical address 0 is (host.cc).
extern uint8_t* host_memory;

inline void* direct_map(PhysAddr address) { return host_memory + address.value; }
template <class T>
T* direct_map_as(PhysAddr address) {
  return static_cast<T*>(direct_map(address));
}
inline PhysAddr physical_of(const void* pointer) {
  return PhysAddr(uint64_t(static_cast<const uint8_t*>(pointer) - host_memory));
}
constexpr bool is_user_address(VirtAddr address) { return address < kUserEnd; }

}  // namespace cairn
