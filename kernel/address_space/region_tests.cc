// Kernel tests of regions (`ktest` in the monitor).
#include <array>

#include "address_space/address_space.h"
#include "debug/kernel_test.h"

namespace cairn {

KERNEL_TEST(gaps_are_found_from_the_top) {
  std::array<Region, 3> regions{};
  RegionTree tree;
  const std::array<VirtRange, 3> ranges{VirtRange{VirtAddr(0x10000), VirtAddr(0x20000)},
                                        VirtRange{VirtAddr(0x30000), VirtAddr(0x40000)},
                                        VirtRange{VirtAddr(0x41000), VirtAddr(0x50000)}};
  for (size_t i = 0; i < regions.size(); i++) {
    regions[i].range = ranges[i];
    tree.insert(regions[i]);
  }
  auto gap = [&tree](uint64_t size, uint64_t high) {
    auto found = find_gap(tree, size, kPageSize, VirtAddr(0x1000), VirtAddr(high));
    return found.ok() ? (*found).value : 0;
  };
  EXPECT(gap(0x1000, 0x60000) == 0x5f000);  // above all
  EXPECT(gap(0x1000, 0x50000) == 0x40000);  // the page between two
  EXPECT(gap(0x2000, 0x50000) == 0x2e000);  // the larger gap below
  EXPECT(gap(0xf000, 0x50000) == 0x21000);  // its end
  EXPECT(gap(0x11000, 0x50000) == 0);       // below the first there are only 15 pages
  for (Region& region : regions) tree.remove(region);
}

KERNEL_TEST(regions_split_and_go) {
  auto created = AddressSpace::create();
  EXPECT(created.ok());
  if (!created.ok()) return;
  AddressSpace& space = **created;
  RegionRequest request;
  request.address = VirtAddr(0x100000);
  request.size = 0x10000;
  request.access = {.read = true, .write = true};
  request.fixed = true;
  EXPECT(space.map_region(request).ok());
  request.keep_others = true;
  EXPECT(space.map_region(request).error() == Errno::kEEXIST);
  auto middle = VirtRange{VirtAddr(0x104000), VirtAddr(0x108000)};
  EXPECT(space.protect_range(middle, {.read = true}).ok());
  EXPECT(space.unmap_range(middle).ok());
  EXPECT(space.protect_range(middle, {.read = true}).error() == Errno::kENOMEM);
  request.address = middle.start;
  request.size = middle.size();
  EXPECT(space.map_region(request).ok());
}

}  // namespace cairn
