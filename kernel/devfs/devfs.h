// devfs: the devices that have drivers, as files. One directory; its entries don't change.
#pragma once

#include "vfs/file_system.h"

namespace cairn {

/// Makes null, zero, full, random and urandom known. At boot, before the first devfs is opened.
void register_memory_devices();

/// For the registry of file systems. ENOMEM.
Result<RefPtr<FileSystem>> open_devfs(BlockDevice* device, bool read_only);

}  // namespace cairn
