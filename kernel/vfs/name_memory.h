// The memory that names and inodes take: how much it may be, and how it is given back.
#pragma once

#include <cstdint>

namespace cairn {

/// Entries that the directory-entry cache may have: so many that with names of a usual length they take
/// a thirtieth of memory or so. The same from boot on.
uint32_t max_dentries();
/// Inodes without users that a file system keeps: as much memory again.
uint32_t max_unused_inodes();

/// Lets go of up to `wanted` names, those unused for longest, and in each mounted file system of as many
/// inodes that nobody uses. How many in all. May sleep; no lock held that a mount, or the end of a file,
/// takes.
uint64_t shrink_names(uint64_t wanted);
/// The same for some of them, if memory is short: before a path is walked, which may bring new ones in. So
/// names never keep memory from others for good, nor from each other.
void keep_name_reserve();

}  // namespace cairn
