// LAB B, item B3, first half: reading directories.
#pragma once

#include "vfs/file.h"

namespace cairn {

// ---- LAB B3 (handouts/b-files.md#b3) ---------------------------------------------------------

/// Opens a directory for readdir(). ENOTDIR, ENOMEM. May sleep.
Result<RefPtr<File>> opendir(const Place& directory);

/// The next entry, "." and ".." included, in the file system's order; false at the end. Every entry
/// that is there from beginning to end is given once; those that come or go meanwhile may or may not
/// be. The directory's lock is held shared, the file's position_lock too. ENOENT (a removed one), and what
/// Inode::read_entry() gives.
Result<bool> readdir(File& directory, DirectoryEntry& entry);
/// Back to the entry at `position`: 0, or an earlier entry's next_position.
void seekdir(File& directory, uint64_t position);

/// Gives up the directory.
void closedir(RefPtr<File> directory);

}  // namespace cairn
