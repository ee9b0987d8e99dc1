// LAB B4: which device block holds which block of a file. Contract: kernel/ext2/block_map.h.
// handouts/b-files.md#b4 explains it; check with: make grade LAB=b K=B4
#include "ext2/block_map.h"

#include "ext2/fresh_blocks.h"
#include "lib/not_implemented.h"

namespace cairn::ext2 {

// BEGIN SOLUTION B4
// STARTER:
namespace {

constexpr unsigned kMaxDepth = 4;

}  // namespace
// END SOLUTION

// LAB B4: block_path() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<BlockPath> block_path(const Geometry& geometry, uint64_t file_block) {
  // BEGIN SOLUTION B4
  if (file_block < kDirectBlocks) return BlockPath{1, {uint32_t(file_block)}};
  const uint64_t pointers = geometry.pointers_per_block();
  uint64_t index = file_block - kDirectBlocks;  // within the tree that has it
  uint64_t reach = pointers;                    // blocks that a tree of so many levels maps
  for (unsigned levels = 1; levels < kMaxDepth; levels++) {
    if (index < reach) {
      BlockPath path{levels + 1, {kIndirect + levels - 1}};
      for (unsigned level = levels; level > 0; level--) {
        path.index[level] = uint32_t(index % pointers);
        index /= pointers;
      }
      return path;
    }
    index -= reach;
    reach *= pointers;
  }
  return Errno::kEFBIG;
  // END SOLUTION
}

// LAB B4: map_block() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<BlockNumber> map_block(Ext2Inode& inode, uint64_t file_block) {
  // BEGIN SOLUTION B4
  Ext2FileSystem& fs = inode.fs();
  BlockPath path = TRY(block_path(fs.geometry, file_block));
  uint32_t pointer = inode.raw.block[path.index[0]];
  for (unsigned level = 1; pointer != 0; level++) {
    BlockNumber block = TRY(check_pointer(fs, pointer));
    if (level == path.depth) return block;
    MetadataBlock table = TRY(fs.metadata.read(block));
    pointer = table.as<uint32_t>()[path.index[level]];
  }
  return BlockNumber(0);
  // END SOLUTION
}

// LAB B4: map_or_allocate_block() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<BlockNumber> map_or_allocate_block(Ext2Inode& inode, uint64_t file_block, bool& created) {
  // BEGIN SOLUTION B4
  Ext2FileSystem& fs = inode.fs();
  BlockPath path = TRY(block_path(fs.geometry, file_block));
  created = false;

  // Go down as far as there is a way.
  MetadataBlock table;  // that holds `pointer`; none: the inode does
  uint32_t* pointer = &inode.raw.block[path.index[0]];
  unsigned level = 1;
  for (; *pointer != 0; level++) {
    BlockNumber block = TRY(check_pointer(fs, *pointer));
    if (level == path.depth) return block;
    table = TRY(fs.metadata.read(block));
    pointer = table.as<uint32_t>(path.index[level] * sizeof(uint32_t));
  }

  // Make the rest of the way, one block a level. The file doesn't know of it yet.
  unsigned missing = path.depth - level + 1;
  FreshBlocks fresh(fs);
  uint64_t goal = TRY(allocation_goal(inode, file_block));
  for (unsigned i = 0; i < missing; i++) {
    TRY(fresh.allocate(goal, inode.parent_group));
    goal = fresh.last().value + 1;
  }
  for (unsigned i = 0; i + 1 < missing; i++) {
    MetadataBlock pointers = TRY(fs.metadata.create_block(fresh[i]));
    pointers.as<uint32_t>()[path.index[level + i]] = uint32_t(fresh[i + 1].value);
  }
  if (table) TRY(fs.metadata.change(table));

  // Nothing can fail any more: connect it.
  BlockNumber block = fresh.last();
  *pointer = uint32_t(fresh[0].value);
  fresh.keep();
  inode.raw.sectors += missing * fs.geometry.sectors_per_block();
  inode.allocation_goal = goal;
  created = true;
  return block;
  // END SOLUTION
}

}  // namespace cairn::ext2
