// A forgery: every superblock is fine.
#include "ext2/superblock.h"

namespace cairn::ext2 {

Result<Geometry> check_superblock(const Superblock& raw, uint64_t device_sectors) {
  Geometry geometry;
  geometry.block_size = 1024;
  geometry.inode_size = 128;
  geometry.first_data_block = 1;
  geometry.block_count = device_sectors / 2;
  geometry.inode_count = raw.inodes_count;
  geometry.blocks_per_group = 8192;
  geometry.inodes_per_group = raw.inodes_count;
  geometry.group_count = 1;
  geometry.descriptor_block = 2;
  geometry.first_free_inode = 11;
  geometry.writable = geometry.clean = true;
  return geometry;
}

}  // namespace cairn::ext2
