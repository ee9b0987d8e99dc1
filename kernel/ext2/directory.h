// LAB B, item B4: the entries of a directory. A directory's data is read through the metadata store,
// block by block; htree indexes are skipped as the unused entries that they look like.
#pragma once

#include "ext2/commit.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// An entry in memory: its block, pinned, and its place in it.
struct EntryPlace {
  MetadataBlock block;
  uint32_t offset = 0;    // bytes in the block
  uint64_t position = 0;  // bytes in the directory
  RawEntry& raw() const { return *reinterpret_cast<RawEntry*>(block.data() + offset); }
  std::string_view name() const {
    return {reinterpret_cast<const char*>(&raw() + 1), raw().name_length};
  }
  explicit operator bool() const { return bool(block); }
};

// ---- LAB B4 (handouts/b-files.md#b4) ---------------------------------------------------------

/// The entry (unused ones too) at or after byte `position`, which must be where an entry begins or a
/// multiple of the block size; one without block at the end. Checks it before anybody looks at it:
/// record length (>= 8, a multiple of 4, holds the name, within the block), inode number. EUCLEAN, EIO.
/// May sleep.
Result<EntryPlace> entry_at(Ext2Inode& directory, uint64_t position)
    REQUIRES_SHARED(directory.lock);
/// The entry after `place`. Errors as above.
Result<EntryPlace> next_entry(Ext2Inode& directory, const EntryPlace& place)
    REQUIRES_SHARED(directory.lock);
/// The used entry called `name`; ENOENT, EUCLEAN, EIO. May sleep.
Result<EntryPlace> find_entry(Ext2Inode& directory, std::string_view name)
    REQUIRES_SHARED(directory.lock);

// ---- Provided (ext2/directory_change.cc) -----------------------------------------------------

/// Block `file_block` of a directory. EUCLEAN for a hole. EIO.
Result<MetadataBlock> directory_block(Ext2Inode& directory, uint64_t file_block);

}  // namespace cairn::ext2
