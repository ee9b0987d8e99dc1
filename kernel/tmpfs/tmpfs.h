// tmpfs: a file system in memory. Data is in the page cache, on pages that no device backs; holes have
// none. Directories are trees in memory.
#pragma once

#include "vfs/file_system.h"

namespace cairn {

/// For the registry of file systems. ENOMEM.
Result<RefPtr<FileSystem>> open_tmpfs(BlockDevice* device, bool read_only);

}  // namespace cairn
