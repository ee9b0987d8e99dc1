// LAB B, item B4: the superblock.
#pragma once

#include "ext2/file_system.h"

namespace cairn::ext2 {

// ---- LAB B4 (handouts/b-files.md#b4) ---------------------------------------------------------

/// Checks a superblock as it was read from a device of `device_sectors` sectors, and says what it
/// means. Nothing in it can be trusted: EINVAL if it isn't ext2's (magic, revision, unknown incompatible
/// features), EUCLEAN if numbers contradict each other (block size, inode size, blocks and inodes per
/// group, counts against groups, device size, first data block). Unknown read-only features clear
/// Geometry::writable. Locks: none.
Result<Geometry> check_superblock(const Superblock& raw, uint64_t device_sectors);

}  // namespace cairn::ext2
