// Changing directories: entries are put into them and taken out, and what that does to inodes.
#pragma once

#include "ext2/directory.h"

namespace cairn::ext2 {

// ---- Entries (directory_change.cc) -----------------------------------------------------------

/// Where a new entry goes: behind what another one needs of its record, or into a free one.
struct EntryRoom {
  MetadataBlock block;
  uint64_t position = 0;  // bytes in the directory, of the record that gives room
  uint32_t offset = 0;    // the same in the block
  uint32_t kept = 0;      // bytes the record keeps for its own entry; 0: it is free
  uint32_t size = 0;      // bytes behind them
};

/// Finds room for an entry with a name of so many bytes, or makes the directory longer. Its block is marked
/// as changed. ENOSPC, EFBIG, EIO, EUCLEAN, ENOMEM. May sleep.
Result<EntryRoom> make_room(Ext2Inode& directory, size_t name_length) REQUIRES(directory.lock)
    REQUIRES_SHARED(running_operation);
/// Writes the entry there. Can't fail.
void put_entry(Ext2Inode& directory, const EntryRoom& room, std::string_view name,
               const Ext2Inode& file) REQUIRES(directory.lock) REQUIRES_SHARED(running_operation);
/// The type byte of an entry for this file.
uint8_t entry_type(const Ext2Inode& file);

/// Whether a directory has no entries but "." and "..". Its lock is held. EUCLEAN, EIO.
Result<bool> is_empty(Ext2Inode& directory);
/// The entry ".." of a directory. It changes only while its parent's lock is held for writing: either
/// that or its own must be held. EUCLEAN, EIO.
Result<EntryPlace> parent_entry(Ext2Inode& directory);

/// The first two entries of a new directory. Its block 0 is made. ENOSPC, ENOMEM.
Result<void> make_directory_block(Ext2Inode& directory, InodeNumber parent)
    REQUIRES_SHARED(running_operation);

/// Stores a directory whose entries change: its times; with `new_names`, it has no index any more (we
/// don't maintain those). EIO, ENOMEM.
Result<void> store_directory(Ext2Inode& directory, bool new_names)
    REQUIRES_SHARED(running_operation);

// ---- Names and links (names.cc) ---------------------------------------------------------------

/// An operation failed for ENOSPC, but has a chance after a commit: what the transaction has freed can be
/// used then.
bool commit_would_help(Ext2FileSystem& fs, Errno error);

/// The entry of a name, which must mean `file`. ENOENT, EUCLEAN, EIO.
Result<EntryPlace> entry_of(Ext2Inode& directory, std::string_view name, const Inode& file)
    REQUIRES_SHARED(directory.lock);
/// The entry means nothing from now on. Its block is marked as changed.
void clear_entry(Ext2Inode& directory, const EntryPlace& place) REQUIRES(directory.lock)
    REQUIRES_SHARED(running_operation);

uint16_t links_of(const Ext2Inode& file);
/// The links of a directory that loses a directory in it; a count that damage made too small stays
/// above 0.
uint16_t one_less(const Ext2Inode& directory);
/// Changes how many links an inode has. EIO, ENOMEM: it has as many as before.
Result<void> store_links(Ext2Inode& file, uint16_t links) REQUIRES_SHARED(running_operation);
/// Takes away the link of a name that is going: a directory has only one. EIO, ENOMEM: nothing is changed.
Result<void> drop_link(Ext2Inode& file) REQUIRES_SHARED(running_operation);

}  // namespace cairn::ext2
