#include "drivers/pci.h"

#include <array>

#include "arch/cpu.h"
#include "arch/mmio.h"

namespace cairn {

namespace {

constexpr uint16_t kAddressPort = 0xcf8, kDataPort = 0xcfc;

// Offsets in configuration space.
constexpr uint8_t kCommand = 0x04, kStatus = 0x06, kHeaderType = 0x0e, kFirstBar = 0x10;
constexpr uint8_t kSecondaryBus = 0x19, kCapabilities = 0x34;

constexpr uint16_t kCommandMemory = 1 << 1, kCommandMaster = 1 << 2, kCommandNoPins = 1 << 10;
constexpr uint16_t kStatusHasCapabilities = 1 << 4;
constexpr uint8_t kManyFunctions = 1 << 7, kBridge = 1;  // of the header type

constexpr uint8_t kMsixCapability = 0x11;
constexpr uint16_t kMsixEnable = 1 << 15, kMsixMaskAll = 1 << 14;
constexpr uint32_t kMsixEntryMasked = 1;

}  // namespace

void PciFunction::select(uint8_t offset) const {
  out32(kAddressPort, 1u << 31 | uint32_t(bus_) << 16 | uint32_t(device_) << 11 |
                          uint32_t(function_) << 8 | (offset & 0xfcu));
}

uint32_t PciFunction::read32(uint8_t offset) const {
  select(offset);
  return in32(kDataPort);
}
uint16_t PciFunction::read16(uint8_t offset) const {
  select(offset);
  return in16(uint16_t(kDataPort + (offset & 2)));
}
uint8_t PciFunction::read8(uint8_t offset) const {
  select(offset);
  return in8(uint16_t(kDataPort + (offset & 3)));
}
void PciFunction::write32(uint8_t offset, uint32_t value) const {
  select(offset);
  out32(kDataPort, value);
}
void PciFunction::write16(uint8_t offset, uint16_t value) const {
  select(offset);
  out16(uint16_t(kDataPort + (offset & 2)), value);
}

void PciFunction::enable() const {
  write16(kCommand, read16(kCommand) | kCommandMemory | kCommandMaster | kCommandNoPins);
}

PciBar PciFunction::bar(unsigned index) const {
  auto at = uint8_t(kFirstBar + index * 4);
  uint32_t low = read32(at);
  bool in_ports = (low & 1) != 0, wide = (low & 6) == 4;
  if (in_ports || (wide && index == 5)) return {};
  uint32_t high = wide ? read32(uint8_t(at + 4)) : 0;
  // The bits that can't be written are those below the size.
  uint16_t command = read16(kCommand);
  write16(kCommand, command & ~kCommandMemory);
  write32(at, UINT32_MAX);
  uint64_t mask = read32(at) & ~0xfu;
  write32(at, low);
  if (wide) {
    write32(uint8_t(at + 4), UINT32_MAX);
    mask |= uint64_t(read32(uint8_t(at + 4))) << 32;
    write32(uint8_t(at + 4), high);
  } else {
    mask |= uint64_t(UINT32_MAX) << 32;
  }
  write16(kCommand, command);
  PhysAddr address(uint64_t(high) << 32 | (low & ~0xfu));
  if (address.value == 0 || uint32_t(mask) == 0) return {};
  return {address, ~mask + 1};
}

uint8_t PciFunction::find_capability(uint8_t id, uint8_t after) const {
  if ((read16(kStatus) & kStatusHasCapabilities) == 0) return 0;
  auto next = [this](uint8_t link) { return uint8_t(read8(link) & 0xfc); };
  uint8_t at = next(after == 0 ? kCapabilities : uint8_t(after + 1));
  constexpr unsigned kMost = 48;  // what fits behind the header
  for (unsigned i = 0; i < kMost && at >= 0x40; i++) {
    if (read8(at) == id) return at;
    at = next(uint8_t(at + 1));
  }
  return 0;
}

void for_each_pci_function(void (*visit)(const PciFunction& function, void* context),
                           void* context) {
  // A bridge's bus has a higher number than its own, so one pass upwards meets them all.
  std::array<bool, 256> buses{};
  buses[0] = true;
  for (unsigned bus = 0; bus < 256; bus++) {
    if (!buses[bus]) continue;
    for (uint8_t device = 0; device < 32; device++) {
      for (uint8_t number = 0; number < 8; number++) {
        PciFunction function(uint8_t(bus), device, number);
        if (!function.present()) {
          if (number == 0) break;
          continue;
        }
        uint8_t type = function.read8(kHeaderType);
        visit(function, context);
        uint8_t behind = (type & 0x7f) == kBridge ? function.read8(kSecondaryBus) : 0;
        if (behind > bus) buses[behind] = true;
        if (number == 0 && (type & kManyFunctions) == 0) break;
      }
    }
  }
}

Result<volatile uint8_t*> PciRegisters::map(unsigned bar, uint64_t offset, uint64_t size) {
  constexpr uint64_t kLargest = 16 << 20;  // bytes: larger ones hold more than registers
  if (bar >= kBars) return Errno::kENODEV;
  if (mapped_[bar] == nullptr) {
    bars_[bar] = function_.bar(bar);
    if (bars_[bar].size == 0 || bars_[bar].size > kLargest) return Errno::kENODEV;
    mapped_[bar] = static_cast<volatile uint8_t*>(map_mmio(bars_[bar].address, bars_[bar].size));
    if (mapped_[bar] == nullptr) return Errno::kENOMEM;
  }
  uint64_t have = bars_[bar].size;
  if (offset > have || size > have - offset) return Errno::kENODEV;
  return mapped_[bar] + offset;
}

Result<MsixTable> MsixTable::enable(const PciFunction& function, PciRegisters& registers) {
  uint8_t at = function.find_capability(kMsixCapability);
  if (at == 0) return Errno::kENODEV;
  uint16_t control = function.read16(uint8_t(at + 2));
  uint32_t place = function.read32(uint8_t(at + 4));
  MsixTable table;
  table.size_ = uint16_t((control & 0x7ff) + 1);
  auto* entries = TRY(registers.map(place & 7, place & ~7u, table.size_ * 16ull));
  table.entries_ = reinterpret_cast<volatile uint32_t*>(entries);
  for (unsigned i = 0; i < table.size_; i++) table.entries_[i * 4 + 3] = kMsixEntryMasked;
  function.write16(uint8_t(at + 2), uint16_t((control | kMsixEnable) & ~kMsixMaskAll));
  return table;
}

void MsixTable::set(uint16_t index, MsiMessage message) {
  ASSERT(index < size_);
  volatile uint32_t* entry = entries_ + index * 4;
  entry[3] = kMsixEntryMasked;
  entry[0] = uint32_t(message.address.value);
  entry[1] = uint32_t(message.address.value >> 32);
  entry[2] = message.data;
  entry[3] = 0;
}

}  // namespace cairn
