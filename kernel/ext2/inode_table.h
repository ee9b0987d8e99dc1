// LAB B, item B4: the inode table.
#pragma once

#include "ext2/commit.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// Where an inode lies on the device.
struct InodePlace {
  BlockNumber block;
  uint32_t offset;  // bytes in the block
};

// ---- LAB B4 (handouts/b-files.md#b4) ---------------------------------------------------------

/// Finds an inode, which exists (1 … Geometry::inode_count), through its group's descriptor, which was checked
/// at mount (Allocator::descriptor()). May sleep; no locks needed.
Result<InodePlace> locate_inode(Ext2FileSystem& fs, InodeNumber number);

/// The size in bytes that a raw inode states, its high half where its type has one.
uint64_t inode_size(const RawInode& raw);

// ---- Provided (ext2/inode.cc) ----------------------------------------------------------------

/// Stores a size (bytes), with its high half where the type has one.
void set_raw_size(RawInode& raw, uint64_t size);
/// Modified and changed now.
void set_raw_times(RawInode& raw, const Timestamp& now);

/// Marks the inode's block as changed: from here on store_inode() can't fail in this operation. EIO, ENOMEM.
Result<void> mark_inode(Ext2Inode& inode) REQUIRES_SHARED(running_operation);
/// Copies the raw inode to its block and marks that changed, in the running operation.
Result<void> store_inode(Ext2Inode& inode) REQUIRES(inode.map_lock)
    REQUIRES_SHARED(running_operation);

}  // namespace cairn::ext2
