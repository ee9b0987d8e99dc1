// LAB B4: which superblocks can be mounted, and what they say. Contract: kernel/ext2/superblock.h.
// handouts/b-files.md#b4 explains it; check with: make grade LAB=b K=B4
#include "ext2/superblock.h"

#include <bit>

#include "lib/not_implemented.h"

namespace cairn::ext2 {

// BEGIN SOLUTION B4
// STARTER:
namespace {

constexpr uint32_t kMaxLogBlockSize = 2;  // 4 KiB, a page

/// Whether it is an ext2 whose format we know.
bool is_known_format(const Superblock& raw) {
  if (raw.magic != kMagic || raw.revision > 1) return false;
  return raw.revision == 0 || (raw.feature_incompat & ~kKnownIncompat) == 0;
}

/// One bit of a bitmap stands for each block and each inode of a group, and a bitmap is one block.
bool fits_bitmap(uint32_t per_group, uint32_t block_size) {
  return per_group != 0 && per_group <= 8 * block_size;
}

/// Whether the sizes can be: what is derived from them may divide by them.
bool are_sizes_sound(const Geometry& geometry) {
  return std::has_single_bit(geometry.inode_size) && geometry.inode_size >= sizeof(RawInode) &&
         geometry.inode_size <= geometry.block_size &&
         geometry.first_data_block == (geometry.block_size == 1024 ? 1 : 0) &&
         fits_bitmap(geometry.blocks_per_group, geometry.block_size) &&
         fits_bitmap(geometry.inodes_per_group, geometry.block_size);
}

}  // namespace
// END SOLUTION

// LAB B4: check_superblock() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<Geometry> check_superblock(const Superblock& raw, uint64_t device_sectors) {
  // BEGIN SOLUTION B4
  if (!is_known_format(raw)) return Errno::kEINVAL;
  if (raw.log_block_size > kMaxLogBlockSize) return Errno::kEUCLEAN;
  Geometry geometry = told_geometry(raw);
  geometry.block_size = 1024u << raw.log_block_size;
  geometry.clean = (raw.state & (kStateClean | kStateErrors)) == kStateClean;
  geometry.writable = raw.revision == 0 || (raw.feature_ro_compat & ~kKnownRoCompat) == 0;
  if (!are_sizes_sound(geometry)) return Errno::kEUCLEAN;
  if (geometry.block_count <= geometry.first_data_block) return Errno::kEUCLEAN;
  uint64_t blocks_in_groups = geometry.block_count - geometry.first_data_block;
  geometry.group_count =
      uint32_t((blocks_in_groups + geometry.blocks_per_group - 1) / geometry.blocks_per_group);
  geometry.descriptor_block = geometry.first_data_block + 1;
  if (!are_counts_sound(geometry, device_sectors)) return Errno::kEUCLEAN;
  return geometry;
  // END SOLUTION
}

}  // namespace cairn::ext2
