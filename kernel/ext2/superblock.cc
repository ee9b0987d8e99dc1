// What lab B4's check_superblock() is given.
#include "ext2/superblock.h"

namespace cairn::ext2 {

Geometry told_geometry(const Superblock& raw) {
  Geometry geometry;
  geometry.inode_size = sizeof(RawInode);
  geometry.first_free_inode = kFirstInodeOfRevision0;
  geometry.first_data_block = raw.first_data_block;
  geometry.block_count = raw.blocks_count;
  geometry.inode_count = raw.inodes_count;
  geometry.reserved_blocks = raw.reserved_blocks_count;
  geometry.blocks_per_group = raw.blocks_per_group;
  geometry.inodes_per_group = raw.inodes_per_group;
  if (raw.revision != 0) {
    geometry.inode_size = raw.inode_size;
    geometry.first_free_inode = raw.first_inode;
    geometry.has_file_types = (raw.feature_incompat & kIncompatFileType) != 0;
    geometry.sparse_super = (raw.feature_ro_compat & kRoCompatSparseSuper) != 0;
    geometry.large_files = (raw.feature_ro_compat & kRoCompatLargeFile) != 0;
  }
  return geometry;
}

bool are_counts_sound(const Geometry& geometry, uint64_t device_sectors) {
  uint64_t descriptors = geometry.group_count * uint64_t(sizeof(GroupDescriptor));
  uint64_t descriptor_end =
      geometry.descriptor_block + (descriptors + geometry.block_size - 1) / geometry.block_size;
  return geometry.block_count <= device_sectors / geometry.sectors_per_block() &&
         descriptor_end < geometry.block_count &&
         geometry.reserved_blocks <= geometry.block_count &&
         geometry.inode_count == uint64_t(geometry.group_count) * geometry.inodes_per_group &&
         geometry.first_free_inode >= kFirstInodeOfRevision0 &&
         geometry.first_free_inode <= geometry.inode_count;
}

}  // namespace cairn::ext2
