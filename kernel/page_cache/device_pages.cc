// The pages of whole devices: what file systems keep their metadata in, and what /dev/vda reads.
#include <algorithm>

#include "memory/heap.h"
#include "page_cache/parts.h"

namespace cairn {

namespace {

/// Pages by their place on the device. One that doesn't end with a whole page goes by sectors, so
/// that the rest of the last page is a hole.
class DevicePages final : public CacheOwner {
 public:
  explicit DevicePages(BlockDevice& device)
      : CacheOwner(&device, device.sector_count() % kPageSectors == 0 ? kPageSize : kSectorSize) {}

  Result<void> locate_page(uint64_t index, std::span<uint64_t> sectors) override {
    uint64_t sector = index * kPageSectors;
    for (uint64_t& at : sectors) {
      at = sector < device->sector_count() ? sector : kHole;
      sector += block_size / kSectorSize;
    }
    return {};
  }
  uint64_t page_limit() override {
    return (device->sector_count() + kPageSectors - 1) / kPageSectors;
  }

  ListLink link;                            // protected by devices_lock, never removed
  std::atomic<uint64_t> flushed_writes{0};  // a flush covers these of the device's finished writes

 private:
  static constexpr uint64_t kPageSectors = kPageSize / kSectorSize;
};

constinit Spinlock devices_lock{"device pages", LockRank::kCacheList};
constinit List<DevicePages, &DevicePages::link> devices GUARDED_BY(devices_lock);

DevicePages* find_device(const BlockDevice& device) REQUIRES(devices_lock) {
  for (DevicePages& pages : devices) {
    if (pages.device == &device) return &pages;
  }
  return nullptr;
}

DevicePages* find_or_add(const BlockDevice& device, DevicePages* fresh) {
  Guard guard(devices_lock);
  DevicePages* found = find_device(device);
  if (found == nullptr && fresh != nullptr) devices.push_back(*fresh);
  return found;
}

/// Null after the last.
DevicePages* device_after(DevicePages* previous) {
  Guard guard(devices_lock);
  return devices.next_after(previous);
}

}  // namespace

Result<CacheOwner*> device_pages(BlockDevice& device) {
  DevicePages* pages = find_or_add(device, nullptr);
  if (pages != nullptr) return pages;
  auto* fresh = new_object<DevicePages>(device);
  if (fresh == nullptr) return Errno::kENOMEM;
  pages = find_or_add(device, fresh);
  if (pages == nullptr) return fresh;
  delete fresh;
  return pages;
}

Result<void> sync_device_pages() {
  Result<void> first;
  for (DevicePages* pages = device_after(nullptr); pages != nullptr; pages = device_after(pages)) {
    auto synced = write_back(*pages);
    // Pages that somebody else wrote just now may not be on the medium yet, either.
    const uint64_t writes = pages->device->finished_write_count();
    if (synced.ok() && writes != pages->flushed_writes.load()) {
      synced = flush_device(*pages->device);
      if (synced.ok()) pages->flushed_writes.store(writes);
    }
    if (first.ok()) first = synced;
  }
  return first;
}

}  // namespace cairn
