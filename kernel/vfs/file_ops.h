// LAB B, item B1: open, read, write, seek, close.
//
// Locks: all may sleep and are called with no locks held. vfs_read(), vfs_write() and vfs_seek() hold
// the file's position_lock from reading the position to storing it, so that threads which share an
// open file never get the same bytes twice; a pipe or terminal has no position and takes none. Data
// is moved by Inode::read() and write(), which lock what they need. Callers have looked whether the file is
// open for what they want of it.
// Source: POSIX.1-2017, "open", "read", "write", "lseek", "close".
#pragma once

#include "vfs/file.h"
#include "vfs/path.h"

namespace cairn {

enum class Whence : uint32_t { kSet = 0, kCurrent = 1, kEnd = 2 };

// ---- LAB B1 (handouts/b-files.md#b1) ---------------------------------------------------------

/// Opens `path` with open_flag bits for context.who, who must be permitted to read, write or empty it
/// (check_access()), and if it isn't there yet, to make names in its directory (check_make()): EACCES. A
/// new file has `permissions` (umask applied) and is theirs, user and group; it is opened whatever its
/// permissions. As open(2): O_CREAT makes a regular file, with O_EXCL only a new one (EEXIST, also
/// for a symbolic link, dangling or not); O_TRUNC empties a regular file opened for writing;
/// O_DIRECTORY wants a directory (ENOTDIR); O_NOFOLLOW no symbolic link at the end (ELOOP; with
/// O_PATH the link itself). EISDIR: a directory opened for writing, or created; ENOENT, ENOTDIR,
/// ENAMETOOLONG, EROFS, ENXIO (a device nobody drives). An access mode of 3 needs what reading and writing
/// need, and opens for neither.
Result<RefPtr<File>> vfs_open(const PathContext& context, std::string_view path, uint32_t flags,
                              uint16_t permissions);

/// Reads at the position and moves it by what was read; bytes, 0 at the end. EISDIR, and what the inode gives.
Result<uint64_t> vfs_read(File& file, IoBuffer& buffer);
/// Writes at the position, with O_APPEND at the end, and moves it. What the inode gives.
Result<uint64_t> vfs_write(File& file, IoBuffer& buffer);
/// The same at an offset, the position untouched: pread, pwrite. ESPIPE if the file has no positions.
Result<uint64_t> vfs_read_at(File& file, IoBuffer& buffer, uint64_t offset);
Result<uint64_t> vfs_write_at(File& file, IoBuffer& buffer, uint64_t offset);

/// Moves the position; the new one. Beyond the end is fine. EINVAL (below 0, beyond Inode::max_size()), ESPIPE.
Result<uint64_t> vfs_seek(File& file, int64_t offset, Whence whence);

/// Gives up one reference; what a failed write-back left to report: EIO.
Result<void> vfs_close(RefPtr<File> file);

}  // namespace cairn
