// The programs that the boot loader brought, before there is a file system to read them from. Declared
// here for boot, implemented by the stand-in for lab C (standins/c.cc, standins/cpio.cc).
#pragma once

#include <span>
#include <string_view>

#include "lib/result.h"

namespace cairn {

/// Makes an image runnable as `name`; the bytes must stay. EEXIST, ENOMEM. May sleep.
Result<void> add_program(std::string_view name, std::span<const uint8_t> image);

/// Adds every file of a cpio archive ("newc"); disk images in it (*.img) become RAM disks. Returns how
/// many programs; EINVAL if it is damaged (files before the damage are added).
Result<unsigned> add_programs_from_archive(std::span<const uint8_t> archive);

}  // namespace cairn
