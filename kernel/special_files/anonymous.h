// The file system of inodes without names: pipes, and the console that a process starts with.
#pragma once

#include "vfs/mount.h"

namespace cairn {

/// Once, at boot. ENOMEM.
Result<void> start_anonymous_files();

FileSystem& anonymous_file_system();
InodeNumber next_anonymous_number();

/// A place for a new inode of anonymous_file_system(), whose maker's reference it takes over. The inode
/// goes with the last reference.
Place anonymous_place(Inode& fresh);

}  // namespace cairn
