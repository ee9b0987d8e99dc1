// RAM disks: images that the boot loader put into memory, as block devices. They can be written to; what
// is written is gone at the end. Requests are done at once, so that runs repeat exactly.
#pragma once

#include <span>
#include <string_view>

#include "lib/result.h"

namespace cairn {

/// Whether a file of this name is meant as a disk: it ends in ".img".
bool is_disk_image(std::string_view name);

/// Adds `image` as ram0, ram1, … It is used where it lies and belongs to the disk from now on; a rest of
/// less than a sector is not. ENOMEM. At boot; may sleep (partitions are read).
Result<void> add_ram_disk(std::span<uint8_t> image);

}  // namespace cairn
