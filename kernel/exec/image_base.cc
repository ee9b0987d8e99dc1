#include "devfs/random.h"
#include "exec/load.h"

namespace cairn {

namespace {

// Two thirds up the user half, as far from the break below as from the mappings above; 28 bits of pages behind it.
constexpr VirtAddr kLowestBase{0x0000'5555'5555'4000};
constexpr uint64_t kRandomPages = 1ull << 28;

}  // namespace

Result<VirtAddr> choose_base(AddressSpace& space, uint64_t size, uint64_t alignment,
                             ImageRole role) {
  if (role == ImageRole::kProgram) {
    uint64_t random = 0;
    IoBuffer buffer = IoBuffer::kernel(&random, sizeof(random));
    TRY(fill_random(buffer));
    uint64_t pages = random % kRandomPages;
    VirtAddr base(align_up(kLowestBase.value + pages * kPageSize, alignment));
    if (base.value < kMmapTop.value && size <= kMmapTop.value - base.value) return base;
  }
  // Nobody else maps anything in a new address space, so what was free stays free.
  if (alignment > kUserEnd.value || size > kUserEnd.value - alignment) return Errno::kENOMEM;
  RegionRequest anywhere;
  anywhere.size = size + (alignment > kPageSize ? alignment : 0);
  VirtAddr start = TRY(space.map_region(anywhere));
  TRY(space.unmap_range({start, start + anywhere.size}));
  return VirtAddr(align_up(start.value, alignment));
}

}  // namespace cairn
