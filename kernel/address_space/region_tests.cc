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

/// Regions of a page each, with gaps of 2 MiB between them.
struct Rows {
  static constexpr uint64_t kCount = 16;
  static constexpr VirtAddr kLow{0x4000'0000};
  std::array<Region, kCount> regions{};
  RegionTree tree;
  VirtAddr end;

  void build(uint64_t first, uint64_t stride) {
    for (uint64_t i = 0; i < kCount; i++) {
      VirtAddr start = kLow + first + i * stride;
      regions[i].range = {start, start + kPageSize};
      tree.insert(regions[i]);
    }
    end = regions[kCount - 1].range.end;
  }
  ~Rows() {
    for (Region& region : regions) tree.remove(region);
  }
  uint64_t huge_gap() const {
    auto found = find_gap(tree, kHugePageSize, kHugePageSize, kLow, end);
    return found.ok() ? (*found).value : 0;
  }
  explicit operator bool() const { return true; }
};

KERNEL_TEST_WITH(Rows, gaps_for_2m_pages_begin_where_these_can) {
  t.build(kPageSize, kHugePageSize + kPageSize);  // each gap has 2 MiB, and starts a page later
  EXPECT(t.huge_gap() == 0);
  t.tree.remove(t.regions[5]);
  uint64_t gap = align_up(t.regions[4].range.end.value, kHugePageSize);
  EXPECT(t.huge_gap() ==
         gap + (gap + 2 * kHugePageSize <= t.regions[6].range.start.value ? kHugePageSize : 0));
  for (const Region& region : t.regions) {
    EXPECT(region.subtree_huge_gap <= region.subtree_gap || &region == &t.regions[5]);
  }
  t.tree.insert(t.regions[5]);
  EXPECT(t.huge_gap() == 0);
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
