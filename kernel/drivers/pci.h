// PCI: finding devices, their registers' addresses, their capabilities, their interrupts (MSI-X).
// Configuration space is reached through two I/O ports, which every PC has; what the firmware
// assigned (bus numbers, addresses) is taken as it is.
// Sources: PCI Local Bus Specification 3.0, "Configuration Space" and "MSI-X Capability and Table
// Structure"; PCI-to-PCI Bridge Architecture Specification, "Bus Number Registers".
//
// At boot, from one thread: the two ports have no lock.
#pragma once

#include "interrupts/msi.h"
#include "lib/result.h"

namespace cairn {

/// One of a device's ranges of registers in memory.
struct PciBar {
  PhysAddr address;
  uint64_t size =
      0;  // bytes; 0: there is none, or it lies in I/O space, or the firmware gave it no place
};

/// A function of a device: what has a configuration space. A handle, copied freely.
class PciFunction {
 public:
  constexpr PciFunction() = default;
  constexpr PciFunction(uint8_t bus, uint8_t device, uint8_t function)
      : bus_(bus), device_(device), function_(function) {}

  uint8_t bus() const { return bus_; }
  uint8_t device() const { return device_; }
  uint8_t function() const { return function_; }

  // Offsets in bytes, aligned to the width.
  uint8_t read8(uint8_t offset) const;
  uint16_t read16(uint8_t offset) const;
  uint32_t read32(uint8_t offset) const;
  void write16(uint8_t offset, uint16_t value) const;
  void write32(uint8_t offset, uint32_t value) const;

  bool present() const { return vendor_id() != 0xffff; }
  uint16_t vendor_id() const { return read16(0); }
  uint16_t device_id() const { return read16(2); }

  /// Lets it answer in memory and reach memory itself; its pin interrupts stay off.
  void enable() const;
  /// Register range `index`, 0 to 5. Switches the device's memory off for a moment.
  PciBar bar(unsigned index) const;
  /// The capability `id` that follows the one at `after` in the list (0: the first); 0 if there is
  /// none. Lists that run in circles end.
  uint8_t find_capability(uint8_t id, uint8_t after = 0) const;

 private:
  void select(uint8_t offset) const;

  uint8_t bus_ = 0;
  uint8_t device_ = 0;
  uint8_t function_ = 0;
};

/// Calls `visit` for each function on bus 0 and behind its bridges, in order of bus, device, function.
void for_each_pci_function(void (*visit)(const PciFunction& function, void* context),
                           void* context);

/// Registers of a device's memory ranges, each mapped once.
class PciRegisters {
 public:
  explicit PciRegisters(const PciFunction& function) : function_(function) {}

  /// `size` bytes from `offset` of range `bar`. ENODEV if the range hasn't them; ENOMEM if the
  /// window for registers is full.
  Result<volatile uint8_t*> map(unsigned bar, uint64_t offset, uint64_t size);

 private:
  static constexpr unsigned kBars = 6;

  PciFunction function_;
  PciBar bars_[kBars] = {};
  volatile uint8_t* mapped_[kBars] = {};
};

/// A device's table of interrupt messages.
class MsixTable {
 public:
  constexpr MsixTable() = default;

  /// Switches the device's MSI-X on with every entry masked. ENODEV if it has none.
  static Result<MsixTable> enable(const PciFunction& function, PciRegisters& registers);

  uint16_t size() const { return size_; }
  /// Entry `index` sends `message` from now on.
  void set(uint16_t index, MsiMessage message);

 private:
  volatile uint32_t* entries_ = nullptr;  // four words each
  uint16_t size_ = 0;
};

}  // namespace cairn
