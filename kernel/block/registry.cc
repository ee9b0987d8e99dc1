#include "block/partition.h"

namespace cairn {

namespace {

constinit List<BlockDevice, &BlockDevice::registry_link> devices;

}  // namespace

void register_block_device(BlockDevice& device) { devices.push_back(device); }

void add_block_device(BlockDevice& device) {
  register_block_device(device);
  add_partitions(device);
}

BlockDevice* find_block_device(std::string_view name) {
  for (BlockDevice& device : devices) {
    if (device.name() == name) return &device;
  }
  return nullptr;
}

BlockDevice* next_block_device(const BlockDevice* previous) { return devices.next_after(previous); }

}  // namespace cairn
