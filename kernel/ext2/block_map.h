// LAB B, item B4: which device block holds a file's block: 12 direct pointers in the inode, then
// one, two and three levels of blocks full of pointers. A pointer of 0 at any level is a hole.
#pragma once

#include "ext2/commit.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// The way to a block: how many levels, and the index at each (the first into RawInode::block).
struct BlockPath {
  unsigned depth = 0;  // 1: direct … 4: triple indirect
  uint32_t index[4] = {};
};

// ---- LAB B4 (handouts/b-files.md#b4) ---------------------------------------------------------

/// EFBIG beyond what three levels reach. Pure arithmetic.
Result<BlockPath> block_path(const Geometry& geometry, uint64_t file_block);

/// The device block of `file_block`, 0 for a hole. EUCLEAN if a pointer on the way leads outside the
/// file system's data blocks (Ext2FileSystem::is_data_block()); EIO. May sleep.
Result<BlockNumber> map_block(Ext2Inode& inode, uint64_t file_block)
    REQUIRES_SHARED(inode.map_lock);

/// The same, making what is missing: the block itself and pointer blocks on the way. `created` says
/// whether the block is new (its content is undefined). What it allocated stays reachable or is given
/// back: ENOSPC, EFBIG, EIO leave the file as it was. Updates raw.block and raw.sectors; the caller
/// stores the inode. In the running operation (commit.h). May sleep.
Result<BlockNumber> map_or_allocate_block(Ext2Inode& inode, uint64_t file_block, bool& created)
    REQUIRES(inode.map_lock) REQUIRES_SHARED(running_operation);

// ---- Provided (ext2/block_pointers.cc) -------------------------------------------------------

/// The block that a pointer other than 0 leads to; EUCLEAN if that isn't a data block.
Result<BlockNumber> check_pointer(Ext2FileSystem& fs, uint32_t pointer);
/// Where a new block should go: behind what this file got last, else behind the block before; 0: anywhere.
/// What map_block() gives. May sleep.
Result<uint64_t> allocation_goal(Ext2Inode& inode, uint64_t file_block) REQUIRES(inode.map_lock);

}  // namespace cairn::ext2
