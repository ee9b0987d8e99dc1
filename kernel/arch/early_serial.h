// COM1 by polling: works from the first instruction and in a panic.
#pragma once

#include <string_view>

namespace cairn {

/// 115200 baud, 8n1, FIFO on. Once, at boot.
void early_serial_setup();
/// Waits for the transmitter; no locks.
void early_serial_write(std::string_view text);

}  // namespace cairn
