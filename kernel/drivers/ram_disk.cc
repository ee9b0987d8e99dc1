#include "drivers/ram_disk.h"

#include "arch/layout.h"
#include "block/block_device.h"
#include "lib/format.h"
#include "lib/string.h"
#include "memory/heap.h"

namespace cairn {

namespace {

class RamDisk final : public BlockDevice {
 public:
  RamDisk(std::string_view name, std::span<uint8_t> image)
      : BlockDevice(name, image.size() / kSectorSize, false), image_(image) {}

 private:
  // Nothing is locked: like a disk's, the outcome of overlapping requests that run at once is open.
  void start(BlockRequest& request) override {
    uint8_t* at = image_.data() + request.disk_first.value * kSectorSize;
    for (uint32_t i = 0; i < request.segment_count; i++) {
      const BlockSegment& segment = request.segments[i];
      void* memory = direct_map(segment.address);
      if (request.operation == BlockOperation::kRead) {
        memcpy(memory, at, segment.size);
      } else {
        memcpy(at, memory, segment.size);
      }
      at += segment.size;
    }
    complete(request, Errno::kOk);
  }

  std::span<uint8_t> image_;
};

constinit unsigned ram_disk_count = 0;

}  // namespace

bool is_disk_image(std::string_view name) { return name.ends_with(".img"); }

Result<void> add_ram_disk(std::span<uint8_t> image) {
  char name[16];
  BufferWriter out(name);
  print(out, "ram{}", ram_disk_count);
  auto* disk = new_object<RamDisk>(out.text(), image);
  if (disk == nullptr) return Errno::kENOMEM;
  ram_disk_count++;
  add_block_device(*disk);
  return {};
}

}  // namespace cairn
