// An alternative to labs/b-files/ext2_inode_table.cc: inodes are counted in whole blocks.
#include "ext2/inode_table.h"

#include "ext2/allocation.h"

namespace cairn::ext2 {

Result<InodePlace> locate_inode(Ext2FileSystem& fs, InodeNumber number) {
  uint32_t per_block = fs.geometry.block_size / fs.geometry.inode_size;
  uint32_t per_group = fs.geometry.inodes_per_group;
  if (number.value < 1 || number.value > fs.geometry.inode_count) {
    return fs.damaged("number of an inode:", number.value);
  }
  auto group = uint32_t((number.value - 1) / per_group);
  auto place = uint32_t((number.value - 1) % per_group);
  auto descriptor = fs.allocator.descriptor(group);
  if (!descriptor.ok()) return descriptor.error();
  InodePlace result{};
  result.block = BlockNumber(uint64_t(descriptor->inode_table) + place / per_block);
  result.offset = place % per_block * fs.geometry.inode_size;
  bool inside = fs.geometry.is_data_block(result.block.value);
  return inside ? Result<InodePlace>(result) : fs.damaged("inode table of group", group);
}

uint64_t inode_size(const RawInode& raw) {
  uint64_t high = type_of_mode(raw.mode) == FileType::kRegular ? raw.size_high : 0;
  return raw.size + (high << 32);
}

}  // namespace cairn::ext2
