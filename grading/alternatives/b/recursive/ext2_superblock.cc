// An alternative to labs/b-files/ext2_superblock.cc: a list of conditions, each with its error.
#include "ext2/superblock.h"

namespace cairn::ext2 {

namespace {

uint64_t rounded_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit; }

}  // namespace

Result<Geometry> check_superblock(const Superblock& raw, uint64_t device_sectors) {
  bool old = raw.revision == 0;
  if (raw.magic != kMagic || (!old && raw.revision != 1)) return Errno::kEINVAL;
  if (!old && (raw.feature_incompat | kKnownIncompat) != kKnownIncompat) return Errno::kEINVAL;

  Geometry result;
  switch (raw.log_block_size) {
    case 0: result.block_size = 1 << 10; break;
    case 1: result.block_size = 1 << 11; break;
    case 2: result.block_size = 1 << 12; break;
    default: return Errno::kEUCLEAN;
  }
  result.first_data_block = raw.first_data_block;
  result.descriptor_block = raw.first_data_block + 1;
  result.block_count = raw.blocks_count;
  result.inode_count = raw.inodes_count;
  result.reserved_blocks = raw.reserved_blocks_count;
  result.blocks_per_group = raw.blocks_per_group;
  result.inodes_per_group = raw.inodes_per_group;
  result.inode_size = old ? 128 : raw.inode_size;
  result.first_free_inode = old ? kFirstInodeOfRevision0 : raw.first_inode;
  uint32_t read_only_features = old ? 0 : raw.feature_ro_compat;
  result.has_file_types = !old && (raw.feature_incompat & kIncompatFileType) != 0;
  result.sparse_super = (read_only_features & kRoCompatSparseSuper) != 0;
  result.large_files = (read_only_features & kRoCompatLargeFile) != 0;
  result.writable = (read_only_features | kKnownRoCompat) == kKnownRoCompat;
  result.clean = raw.state == kStateClean;

  const uint64_t bits = result.block_size * 8ull;  // in the one block of a bitmap
  const uint64_t blocks_before = result.block_size == 1024 ? 1 : 0;
  bool inode_size_known = false;
  for (uint32_t size = 128; size <= result.block_size; size *= 2) {
    inode_size_known |= size == result.inode_size;
  }
  bool sound = inode_size_known && result.first_data_block == blocks_before;
  sound = sound && result.blocks_per_group > 0 && result.blocks_per_group <= bits;
  sound = sound && result.inodes_per_group > 0 && result.inodes_per_group <= bits;
  sound = sound && result.block_count > blocks_before;
  sound = sound && result.reserved_blocks <= result.block_count;
  sound = sound && result.block_count * (result.block_size / 512) <= device_sectors;
  if (!sound) return Errno::kEUCLEAN;

  uint64_t groups = rounded_up(result.block_count - blocks_before, result.blocks_per_group);
  uint64_t descriptor_blocks = rounded_up(groups * sizeof(GroupDescriptor), result.block_size);
  result.group_count = uint32_t(groups);
  if (groups * result.inodes_per_group != result.inode_count) return Errno::kEUCLEAN;
  if (result.descriptor_block + descriptor_blocks >= result.block_count) return Errno::kEUCLEAN;
  if (result.first_free_inode < 11 || result.first_free_inode > result.inode_count) {
    return Errno::kEUCLEAN;
  }
  return result;
}

}  // namespace cairn::ext2
