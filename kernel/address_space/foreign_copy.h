// Memory of an address space that needs not be loaded: of a program that is being put together. Pages come in as by
// faults of its own, and are reached through the direct map.
// Locks: none that a page fault takes (address_space/address_space.h); may sleep.
#pragma once

#include "address_space/address_space.h"

namespace cairn {

/// As if code in that address space moved `count` bytes. EFAULT where its regions don't permit that, or a file ends;
/// ENOMEM; part of it may be done.
Result<void> copy_to_space(AddressSpace& space, VirtAddr to, const void* from, uint64_t count);
Result<void> copy_from_space(AddressSpace& space, void* to, VirtAddr from, uint64_t count);
Result<void> zero_in_space(AddressSpace& space, VirtAddr start, uint64_t count);
/// Bytes of the string at `start`, its NUL included. EFAULT, also if they are more than `most`; ENOMEM.
Result<uint64_t> string_size_in_space(AddressSpace& space, VirtAddr start, uint64_t most);

}  // namespace cairn
