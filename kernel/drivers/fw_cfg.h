// QEMU's firmware configuration device: named files from the command line (-fw_cfg name=…).
// Source: QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device".
#pragma once

#include <span>
#include <string_view>

#include "lib/result.h"

namespace cairn {

/// Reads the file `name` into `buffer`; returns its length, cut to the buffer's.
/// ENODEV without the device, ENOENT without the file. One caller at a time.
Result<size_t> read_fw_cfg(std::string_view name, std::span<char> buffer);

}  // namespace cairn
