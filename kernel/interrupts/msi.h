// Message-signalled interrupts: a device interrupts by writing `data` to `address`.
// Source: Intel SDM 3A, "Message Signalled Interrupts".
#pragma once

#include <cstdint>

#include "lib/types.h"

namespace cairn {

struct MsiMessage {
  PhysAddr address;
  uint32_t data;
};

/// The message that raises `vector`, edge-triggered, on the processor whose APIC has the number
/// `apic_id` (8 bits; Cpu::apic_id).
constexpr MsiMessage msi_message(uint8_t vector, uint32_t apic_id) {
  return {PhysAddr(0xfee0'0000 | uint64_t(apic_id & 0xff) << 12), vector};
}

}  // namespace cairn
