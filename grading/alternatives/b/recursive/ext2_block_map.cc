// An alternative to labs/b-files/ext2_block_map.cc: pointers are reached by recursion, one level a call,
// and what was taken is taken back on the way out.
#include "ext2/block_map.h"

#include "ext2/allocation.h"

namespace cairn::ext2 {

Result<BlockPath> block_path(const Geometry& geometry, uint64_t file_block) {
  BlockPath path;
  uint64_t first = 0, span = 1;  // what a slot of the inode on this level begins with, and maps
  for (uint32_t slot = 0; slot < kBlockPointers; slot++) {
    bool indirect = slot >= kDirectBlocks;
    if (indirect) span *= geometry.pointers_per_block();
    if (file_block - first < span) {
      path.depth = indirect ? 2 + slot - kDirectBlocks : 1;
      path.index[0] = slot;
      uint64_t rest = file_block - first;
      for (unsigned i = 1; i < path.depth; i++) {
        span /= geometry.pointers_per_block();
        path.index[i] = uint32_t(rest / span);
        rest %= span;
      }
      return path;
    }
    first += span;
  }
  return Errno::kEFBIG;
}

namespace {

bool leads_outside(Ext2FileSystem& fs, uint32_t number) {
  return number != 0 && !fs.is_data_block(number);
}

/// The block that `number`, a pointer on level `level` of the path, leads to in the end.
Result<BlockNumber> follow(Ext2FileSystem& fs, const BlockPath& path, unsigned level,
                           uint32_t number) {
  if (leads_outside(fs, number)) return fs.damaged("pointer to block", number);
  if (number == 0 || level + 1 == path.depth) return BlockNumber(number);
  MetadataBlock block = TRY(fs.metadata.read(BlockNumber(number)));
  return follow(fs, path, level + 1, block.as<uint32_t>()[path.index[level + 1]]);
}

struct Growth {
  Ext2Inode& inode;
  const BlockPath& path;
  uint64_t goal;
  unsigned taken = 0;
};

Result<BlockNumber> extend(Growth& growth, unsigned level, uint32_t number)
    REQUIRES_SHARED(running_operation);

/// Takes a block for level `level` and all below it. On an error nothing stays taken.
Result<BlockNumber> grow_from(Growth& growth, unsigned level,
                              uint32_t& top) NO_THREAD_SAFETY_ANALYSIS {
  Ext2FileSystem& fs = growth.inode.fs();
  BlockNumber block = TRY(fs.allocator.allocate_block(growth.goal, growth.inode.parent_group));
  growth.goal = block.value + 1;
  growth.taken++;
  top = uint32_t(block.value);
  if (level + 1 == growth.path.depth) return block;
  uint32_t below = 0;
  auto table = fs.metadata.create_block(block);
  auto last = table.ok() ? grow_from(growth, level + 1, below) : table.error();
  if (last.ok()) {
    table->as<uint32_t>()[growth.path.index[level + 1]] = below;
  } else {
    fs.metadata.forget(block);
    fs.allocator.give_back_block(block);
  }
  return last;
}

/// The same where a part of the way exists: `number` is not 0.
Result<BlockNumber> extend(Growth& growth, unsigned level,
                           uint32_t number) NO_THREAD_SAFETY_ANALYSIS {
  Ext2FileSystem& fs = growth.inode.fs();
  if (leads_outside(fs, number)) return fs.damaged("pointer to block", number);
  if (level + 1 == growth.path.depth) return BlockNumber(number);
  MetadataBlock table = TRY(fs.metadata.read(BlockNumber(number)));
  uint32_t& next = table.as<uint32_t>()[growth.path.index[level + 1]];
  if (next != 0) return extend(growth, level + 1, next);
  TRY(fs.metadata.change(table));
  uint32_t top = 0;
  BlockNumber last = TRY(grow_from(growth, level + 1, top));
  next = top;
  return last;
}

}  // namespace

Result<BlockNumber> map_block(Ext2Inode& inode, uint64_t file_block) {
  auto path = block_path(inode.fs().geometry, file_block);
  if (!path.ok()) return path.error();
  return follow(inode.fs(), *path, 0, inode.raw.block[path->index[0]]);
}

Result<BlockNumber> map_or_allocate_block(Ext2Inode& inode, uint64_t file_block, bool& created) {
  auto path = block_path(inode.fs().geometry, file_block);
  if (!path.ok()) return path.error();
  Growth growth{inode, *path, inode.allocation_goal};
  uint32_t& slot = inode.raw.block[path->index[0]];
  uint32_t top = slot;
  auto block = top != 0 ? extend(growth, 0, top) : grow_from(growth, 0, top);
  created = block.ok() && growth.taken != 0;
  if (!created) return block;
  slot = top;
  inode.allocation_goal = growth.goal;
  inode.raw.sectors += growth.taken * (inode.fs().geometry.block_size / 512);
  return block;
}

}  // namespace cairn::ext2
