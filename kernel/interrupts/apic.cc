#include "interrupts/apic.h"

#include "acpi/acpi.h"
#include "arch/cpu.h"
#include "arch/mmio.h"
#include "arch/percpu.h"
#include "arch/trap_frame.h"

namespace cairn {

namespace {

// Local APIC registers, byte offsets.
constexpr uint32_t kApicId = 0x20;
constexpr uint32_t kTaskPriority = 0x80;
constexpr uint32_t kEndOfInterrupt = 0xb0;
constexpr uint32_t kSpurious = 0xf0;
constexpr uint32_t kCommandLow = 0x300;
constexpr uint32_t kCommandHigh = 0x310;
constexpr uint32_t kTimerEntry = 0x320;
constexpr uint32_t kTimerInitial = 0x380;
constexpr uint32_t kTimerCurrent = 0x390;
constexpr uint32_t kTimerDivide = 0x3e0;
constexpr uint32_t kApicEnable = 1 << 8;
constexpr uint32_t kDivideBy16 = 3;
constexpr uint32_t kDeliveryPending = 1 << 12;
constexpr uint32_t kMasked = 1 << 16;

constinit volatile uint32_t* local_apic = nullptr;

uint32_t read_local(uint32_t offset) { return local_apic[offset / 4]; }
void write_local(uint32_t offset, uint32_t value) { local_apic[offset / 4] = value; }

struct IoApic {
  volatile uint32_t* registers = nullptr;  // [0] selects, [4] is the window
  uint32_t first_interrupt = 0;
  uint32_t pins = 0;

  uint32_t read(uint32_t index) const {
    registers[0] = index;
    return registers[4];
  }
  void write(uint32_t index, uint32_t value) const {
    registers[0] = index;
    registers[4] = value;
  }
};

constinit IoApic io_apics[8];
constinit unsigned io_apic_count = 0;

/// The old controllers deliver to vectors 32–47 if anything ever leaks through, and nothing should.
void mask_legacy_pics() {
  constexpr uint16_t kMaster = 0x20, kSlave = 0xa0;
  out8(kMaster, 0x11);
  out8(kSlave, 0x11);
  out8(kMaster + 1, kFirstInterrupt);
  out8(kSlave + 1, kFirstInterrupt + 8);
  out8(kMaster + 1, 4);
  out8(kSlave + 1, 2);
  out8(kMaster + 1, 1);
  out8(kSlave + 1, 1);
  out8(kMaster + 1, 0xff);
  out8(kSlave + 1, 0xff);
}

}  // namespace

Result<void> start_local_apic() {
  mask_legacy_pics();
  if (local_apic == nullptr) {
    local_apic = static_cast<volatile uint32_t*>(map_mmio(acpi_info().local_apic, 4096));
    if (local_apic == nullptr) return Errno::kENOMEM;
  }
  write_msr(msr::kApicBase, read_msr(msr::kApicBase) | 1 << 11);
  this_cpu().apic_id = read_local(kApicId) >> 24;
  write_local(kTaskPriority, 0);
  write_local(kSpurious, kApicEnable | kSpuriousVector);
  write_local(kTimerDivide, kDivideBy16);
  write_local(kTimerEntry, kTimerVector);  // one-shot
  return {};
}

Result<void> start_io_apics() {
  const AcpiInfo& info = acpi_info();
  for (unsigned i = 0; i < info.io_apic_count; i++) {
    IoApic& apic = io_apics[io_apic_count];
    apic.registers = static_cast<volatile uint32_t*>(map_mmio(info.io_apics[i].address, 4096));
    if (apic.registers == nullptr) return Errno::kENOMEM;
    apic.first_interrupt = info.io_apics[i].first_interrupt;
    apic.pins = (apic.read(1) >> 16 & 0xff) + 1;
    for (uint32_t pin = 0; pin < apic.pins; pin++) apic.write(0x10 + pin * 2, kMasked);
    io_apic_count++;
  }
  return {};
}

void end_of_interrupt() { write_local(kEndOfInterrupt, 0); }

void write_interrupt_command(uint32_t apic_id, uint32_t command) {
  write_local(kCommandHigh, apic_id << 24);
  write_local(kCommandLow, command);  // this half sends it
}
bool interrupt_command_pending() { return (read_local(kCommandLow) & kDeliveryPending) != 0; }

void arm_apic_timer(uint32_t ticks) { write_local(kTimerInitial, ticks); }
uint32_t apic_timer_remaining() { return read_local(kTimerCurrent); }

Result<void> route_isa_interrupt(uint8_t isa, uint8_t vector) {
  const IsaOverride& wiring = acpi_info().isa[isa];
  for (unsigned i = 0; i < io_apic_count; i++) {
    const IoApic& apic = io_apics[i];
    uint32_t pin = wiring.interrupt - apic.first_interrupt;
    if (wiring.interrupt < apic.first_interrupt || pin >= apic.pins) continue;
    uint32_t entry = vector | uint32_t(wiring.active_low) << 13 | uint32_t(wiring.level) << 15;
    apic.write(0x10 + pin * 2 + 1, boot_cpu.apic_id << 24);
    apic.write(0x10 + pin * 2, entry);
    return {};
  }
  return Errno::kENODEV;
}

}  // namespace cairn
