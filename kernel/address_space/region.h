// A region: a range of user addresses that are treated alike.
#pragma once

#include "lib/ref_ptr.h"
#include "lib/result.h"
#include "lib/tree.h"
#include "memory/page_table.h"

namespace cairn {

/// What user code may do with a region.
struct Access {
  bool read = false;
  bool write = false;
  bool execute = false;
  constexpr bool operator==(const Access&) const = default;
};

enum class RegionKind : uint8_t { kAnonymous, kProgram, kHeap, kStack };
const char* region_kind_name(RegionKind kind);

/// Upward need: where the pages of a region come from that isn't anonymous memory. Before lab B the
/// flat programs' cache implements it (standins/c.cc), then the page cache.
class PageSource : public RefCounted<PageSource> {
 public:
  /// The frame that holds bytes [offset, offset + 4096), with a reference for the caller. It is
  /// shared: nobody may write to it. `offset` is page-aligned. ENOMEM, EIO. May sleep.
  virtual Result<FrameNumber> page(uint64_t offset) = 0;

 protected:
  friend class RefCounted<PageSource>;
  virtual ~PageSource() = default;
};

struct Region {
  VirtRange range;
  Access access;
  RegionKind kind = RegionKind::kAnonymous;
  bool grows_down = false;     // the stack: a fault below extends it
  bool huge = false;           // backed by 2 MiB pages where they can be had
  RefPtr<PageSource> source;   // null: zeros
  uint64_t source_offset = 0;  // bytes, of range.start

  // Place in its address space's tree, and what the subtree below knows: its extent and the
  // largest gap between two neighbours in it (find_gap() descends by it).
  TreeLink<Region> link;
  VirtAddr subtree_start;
  VirtAddr subtree_end;
  uint64_t subtree_gap = 0;  // bytes

  /// The permission bits for pages that are this region's alone.
  Pte page_flags() const;
  /// The region's page at `page` in its source.
  uint64_t source_offset_of(VirtAddr page) const { return source_offset + (page - range.start); }
};

struct RegionSummary {
  static void update(Region& region);
};
inline VirtAddr region_key(const Region& region) { return region.range.start; }
using RegionTree = Tree<Region, &Region::link, &region_key, RegionSummary>;

/// The highest free range of `size` bytes, a multiple of `alignment` in address, in [low, high).
/// ENOMEM. O(log n) for alignment 4 KiB.
Result<VirtAddr> find_gap(const RegionTree& regions, uint64_t size, uint64_t alignment,
                          VirtAddr low, VirtAddr high);

}  // namespace cairn
