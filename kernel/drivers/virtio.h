// Virtio devices on PCI, as version 1 of the standard has them ("modern"): where their registers are,
// agreeing on features, and setting up a queue.
// Source: OASIS, "Virtual I/O Device (VIRTIO) Version 1.2", "Virtio Over PCI Bus" and "Device
// Initialization".
#pragma once

#include "drivers/pci.h"
#include "drivers/virtqueue.h"
#include "interrupts/irq.h"

namespace cairn {

namespace virtio_feature {
inline constexpr uint64_t kIndirect = 1ull << 28;  // tables of descriptors
inline constexpr uint64_t kVersion1 = 1ull << 32;
inline constexpr uint64_t kPlatformAccess = 1ull << 33;  // addresses may be translated on the way
}  // namespace virtio_feature

/// The registers that all virtio devices have. Each is accessed in its own width, 64 bits as halves.
struct VirtioCommonRegisters {
  uint32_t device_feature_select;
  uint32_t device_feature;
  uint32_t driver_feature_select;
  uint32_t driver_feature;
  uint16_t config_msix_vector;
  uint16_t queue_count;
  uint8_t status;
  uint8_t config_generation;
  uint16_t queue_select;  // what follows is of this queue
  uint16_t queue_size;
  uint16_t queue_msix_vector;
  uint16_t queue_enable;
  uint16_t queue_notify_offset;
  uint32_t queue_descriptors[2];
  uint32_t queue_available[2];
  uint32_t queue_used[2];
};
static_assert(sizeof(VirtioCommonRegisters) == 56);

/// Where a device's registers are mapped. Tests put memory there.
struct VirtioRegisters {
  volatile VirtioCommonRegisters* common = nullptr;
  volatile uint8_t* notify = nullptr;
  uint64_t notify_size = 0;            // bytes
  uint32_t notify_multiplier = 0;      // bytes from one queue's to the next
  volatile uint8_t* config = nullptr;  // the device type's own
  uint64_t config_size = 0;            // bytes
};

class VirtioDevice {
 public:
  constexpr VirtioDevice() = default;
  explicit VirtioDevice(const VirtioRegisters& registers) : registers_(registers) {}

  /// Finds the registers of the virtio device behind `function` and makes ready for interrupts.
  /// ENODEV, with a log line that says why, for devices that can't be driven; ENOMEM.
  static Result<VirtioDevice> open(const PciFunction& function);

  /// Logs why this device isn't used, and tells it; ENODEV.
  Errno refuse(const char* why);

  /// Resets the device and agrees on features: all of `wanted` that it offers. ENODEV, logged, if it
  /// doesn't offer version 1 or doesn't accept.
  Result<uint64_t> negotiate(uint64_t wanted);

  /// A value of the device type's registers; read again if it changed meanwhile.
  template <class T>
  T read_config(uint64_t offset) const;
  uint64_t config_size() const { return registers_.config_size; }

  /// Descriptors that the device has for queue `index`; 0 if it has no such queue.
  uint16_t queue_size(uint16_t index);
  /// Gives it the rings of queue `index`, and `handler` its interrupts. ENODEV, ENOSPC.
  Result<void> set_up_queue(uint16_t index, const Virtqueue& queue, InterruptHandler handler,
                            void* context);
  /// `handler` is called when the device changes its configuration or fails. ENODEV without a vector
  /// left for it.
  Result<void> set_up_config_interrupt(InterruptHandler handler, void* context);

  /// The device may work from now on.
  void set_ready();
  /// Tells queue `index`, set up before, that something was offered. Any context.
  void notify(uint16_t index) { *notify_address_ = index; }
  /// Whether the device says that it can't go on.
  bool needs_reset() const;
  /// Ends all the device does: when true, it touches no memory any more. Any context.
  bool reset();

 private:
  Result<void> find_registers(PciRegisters& mapped);
  void add_status(uint8_t bits);
  Result<uint16_t> add_vector(InterruptHandler handler, void* context);

  PciFunction function_;
  VirtioRegisters registers_;
  MsixTable msix_;
  uint16_t vectors_used_ = 0;
  volatile uint16_t* notify_address_ = nullptr;
};

template <class T>
T VirtioDevice::read_config(uint64_t offset) const {
  static_assert(sizeof(T) <= 8);
  ASSERT(offset + sizeof(T) <= registers_.config_size);
  constexpr unsigned kMostTries = 100;
  for (unsigned tries = 1;; tries++) {
    uint8_t before = registers_.common->config_generation;
    T value;
    if constexpr (sizeof(T) == 8) {
      auto* half = reinterpret_cast<volatile uint32_t*>(registers_.config + offset);
      uint32_t low = half[0];
      value = uint64_t(half[1]) << 32 | low;
    } else {
      value = *reinterpret_cast<volatile T*>(registers_.config + offset);
    }
    if (registers_.common->config_generation == before || tries == kMostTries) return value;
  }
}

}  // namespace cairn
