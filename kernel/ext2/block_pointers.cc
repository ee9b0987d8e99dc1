// What lab B4's block map is given: which pointers can be believed, and where new blocks go.
#include "ext2/block_map.h"

namespace cairn::ext2 {

Result<BlockNumber> check_pointer(Ext2FileSystem& fs, uint32_t pointer) {
  if (!fs.is_data_block(pointer)) return fs.damaged("block pointer", pointer);
  return BlockNumber(pointer);
}

Result<uint64_t> allocation_goal(Ext2Inode& inode, uint64_t file_block) {
  if (inode.allocation_goal != 0 || file_block == 0) return inode.allocation_goal;
  BlockNumber before = TRY(map_block(inode, file_block - 1));
  return before.value == 0 ? 0 : before.value + 1;
}

}  // namespace cairn::ext2
