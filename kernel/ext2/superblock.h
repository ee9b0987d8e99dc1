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

// ---- Provided (ext2/superblock.cc) -----------------------------------------------------------

/// What the superblock says in so many words, unchecked. Revision 0 has no fields for some of it, which then
/// is as it always was with that. Not there yet is what has to be computed or judged: block_size,
/// group_count, descriptor_block, clean, writable.
Geometry told_geometry(const Superblock& raw);
/// Whether the counts of a geometry that is complete, and whose sizes are sound, fit each other and a device
/// of so many sectors.
bool are_counts_sound(const Geometry& geometry, uint64_t device_sectors);

}  // namespace cairn::ext2
