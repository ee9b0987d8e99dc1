// Freeing the blocks of files: when they are cut, and when they go for good.
#pragma once

#include "ext2/commit.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// Whether raw.block holds pointers: device files and short symbolic links keep other things there.
bool has_block_pointers(const RawInode& raw, const Geometry& geometry);

/// Frees blocks at file block `first` and beyond, from the end of the file backwards, pointer blocks that are
/// empty then included: up to about `budget` of them, which becomes less by as many, and as many as the
/// transaction has room for; one at least. The file block from which on none is left: `first`, or there are
/// more. Holes cost nothing. Updates raw.block and raw.sectors; the caller stores the inode. EIO, EUCLEAN,
/// ENOMEM: what was freed so far is freed. May sleep.
Result<uint64_t> free_blocks(Ext2Inode& inode, uint64_t first, uint64_t& budget)
    REQUIRES(inode.map_lock) REQUIRES_SHARED(running_operation);
/// Frees all that the running operation has made in vain: what it changes for that belongs to the transaction
/// already. Otherwise the same.
Result<void> take_back_blocks(Ext2Inode& inode, uint64_t first) REQUIRES(inode.map_lock)
    REQUIRES_SHARED(running_operation);

/// Cuts what the device has of a file to `size` bytes, in as many operations as are good for others, and
/// drops the pages of what each of them cuts. Inode::size is as small already. EIO, EUCLEAN, ENOMEM: some
/// of it may be left, pages too. May sleep; not within an operation.
Result<void> cut_file(Ext2Inode& inode, uint64_t size);

}  // namespace cairn::ext2
