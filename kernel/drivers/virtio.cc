#include "drivers/virtio.h"

#include "arch/cpu.h"
#include "arch/percpu.h"
#include "debug/log.h"

namespace cairn {

namespace {

constexpr uint8_t kVendorCapability = 0x09;

// Of the register `status`.
constexpr uint8_t kAcknowledge = 1, kDriver = 2, kDriverReady = 4, kFeaturesAgreed = 8;
constexpr uint8_t kNeedsReset = 64, kFailed = 128;

// Which registers a capability tells the place of.
enum class Part : uint8_t { kCommon = 1, kNotify = 2, kInterruptStatus = 3, kConfig = 4 };

void write_address(volatile uint32_t (&halves)[2], PhysAddr address) {
  halves[0] = uint32_t(address.value);
  halves[1] = uint32_t(address.value >> 32);
}

}  // namespace

Result<VirtioDevice> VirtioDevice::open(const PciFunction& function) {
  function.enable();
  PciRegisters mapped(function);
  VirtioDevice device;
  device.function_ = function;
  TRY(device.find_registers(mapped));
  auto msix = MsixTable::enable(function, mapped);
  if (!msix.ok()) return device.refuse("no MSI-X, and other interrupts aren't supported");
  device.msix_ = *msix;
  return device;
}

Errno VirtioDevice::refuse(const char* why) {
  if (registers_.common != nullptr) add_status(kFailed);
  log_warning("virtio", "PCI {:02h}:{:02h}.{}: {}; left alone", function_.bus(), function_.device(),
              function_.function(), why);
  return Errno::kENODEV;
}

Result<void> VirtioDevice::find_registers(PciRegisters& mapped) {
  for (uint8_t at = 0; (at = function_.find_capability(kVendorCapability, at)) != 0;) {
    auto part = Part(function_.read8(uint8_t(at + 3)));
    uint8_t bar = function_.read8(uint8_t(at + 4));
    uint32_t offset = function_.read32(uint8_t(at + 8));
    uint32_t size = function_.read32(uint8_t(at + 12));
    bool wanted = part == Part::kCommon || part == Part::kNotify || part == Part::kConfig;
    if (!wanted) continue;
    auto place = mapped.map(bar, offset, size);
    if (place.error() == Errno::kENOMEM) return Errno::kENOMEM;
    // The first capability of a kind that can be used counts.
    if (!place.ok() || !is_aligned(offset, 4)) continue;
    if (part == Part::kCommon && registers_.common == nullptr &&
        size >= sizeof(VirtioCommonRegisters)) {
      registers_.common = reinterpret_cast<volatile VirtioCommonRegisters*>(*place);
    } else if (part == Part::kNotify && registers_.notify == nullptr) {
      registers_.notify = *place;
      registers_.notify_size = size;
      registers_.notify_multiplier = function_.read32(uint8_t(at + 16));
    } else if (part == Part::kConfig && registers_.config == nullptr) {
      registers_.config = *place;
      registers_.config_size = size;
    }
  }
  if (registers_.common == nullptr || registers_.notify == nullptr ||
      registers_.config == nullptr) {
    return refuse("a virtio device of before version 1 (or without registers in memory)");
  }
  return {};
}

void VirtioDevice::add_status(uint8_t bits) {
  registers_.common->status = uint8_t(registers_.common->status | bits);
}

Result<uint64_t> VirtioDevice::negotiate(uint64_t wanted) {
  if (!reset()) return refuse("it doesn't come out of its reset");
  add_status(kAcknowledge);
  add_status(kDriver);
  auto& common = *registers_.common;
  common.device_feature_select = 0;
  uint64_t offered = common.device_feature;
  common.device_feature_select = 1;
  offered |= uint64_t(common.device_feature) << 32;
  uint64_t agreed =
      offered & (wanted | virtio_feature::kVersion1 | virtio_feature::kPlatformAccess);
  common.driver_feature_select = 0;
  common.driver_feature = uint32_t(agreed);
  common.driver_feature_select = 1;
  common.driver_feature = uint32_t(agreed >> 32);
  add_status(kFeaturesAgreed);
  bool good = (agreed & virtio_feature::kVersion1) != 0 && (common.status & kFeaturesAgreed) != 0;
  return good ? Result<uint64_t>(agreed) : refuse("no agreement on features");
}

uint16_t VirtioDevice::queue_size(uint16_t index) {
  registers_.common->queue_select = index;
  return registers_.common->queue_size;
}

Result<uint16_t> VirtioDevice::add_vector(InterruptHandler handler, void* context) {
  if (vectors_used_ == msix_.size()) return Errno::kENODEV;
  uint8_t vector = TRY(register_interrupt(handler, context));
  msix_.set(vectors_used_, msi_message(vector, boot_cpu.apic_id));
  return vectors_used_++;
}

Result<void> VirtioDevice::set_up_queue(uint16_t index, const Virtqueue& queue,
                                        InterruptHandler handler, void* context) {
  auto& common = *registers_.common;
  common.queue_select = index;
  uint64_t notify_at = uint64_t(common.queue_notify_offset) * registers_.notify_multiplier;
  if (notify_at + sizeof(uint16_t) > registers_.notify_size) return Errno::kENODEV;
  notify_address_ = reinterpret_cast<volatile uint16_t*>(registers_.notify + notify_at);
  common.queue_size = queue.size();
  write_address(common.queue_descriptors, queue.descriptors());
  write_address(common.queue_available, queue.available());
  write_address(common.queue_used, queue.used());
  if (handler != nullptr) {
    uint16_t vector = TRY(add_vector(handler, context));
    common.queue_msix_vector = vector;
    if (common.queue_msix_vector != vector) return Errno::kENODEV;
  }
  common.queue_enable = 1;
  return {};
}

Result<void> VirtioDevice::set_up_config_interrupt(InterruptHandler handler, void* context) {
  uint16_t vector = TRY(add_vector(handler, context));
  registers_.common->config_msix_vector = vector;
  return registers_.common->config_msix_vector == vector ? Result<void>() : Errno::kENODEV;
}

void VirtioDevice::set_ready() { add_status(kDriverReady); }

bool VirtioDevice::needs_reset() const { return (registers_.common->status & kNeedsReset) != 0; }

bool VirtioDevice::reset() {
  registers_.common->status = 0;
  constexpr unsigned kMostLooks = 1'000'000;
  for (unsigned i = 0; i < kMostLooks; i++) {
    if (registers_.common->status == 0) return true;
    relax_cpu();
  }
  return false;
}

}  // namespace cairn
