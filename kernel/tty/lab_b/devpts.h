// devpts: the slaves of the pseudo-terminals whose masters are open, by their numbers, and ptmx, which makes another.
// Every mount shows all of them.
// Source: Linux, Documentation/filesystems/devpts.rst.
#pragma once

#include "vfs/file_system.h"

namespace cairn {

/// For the registry of file systems. ENOMEM.
Result<RefPtr<FileSystem>> open_devpts(BlockDevice* device, bool read_only);
bool is_devpts(const FileSystem& file_system);

}  // namespace cairn
