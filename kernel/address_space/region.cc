#include "address_space/region.h"

#include "memory/heap.h"

#include <algorithm>

namespace cairn {

const char* region_kind_name(RegionKind kind) {
  constexpr const char* kNames[] = {"anonymous", "program", "heap", "stack", "file"};
  return kNames[size_t(kind)];
}

Region* Region::alike(VirtRange where, uint64_t offset) const {
  auto* other = new_object<Region>();
  if (other == nullptr) return nullptr;
  other->range = where;
  other->access = access;
  other->kind = kind;
  other->grows_down = grows_down;
  other->huge = huge;
  other->shared = shared;
  other->may_write = may_write;
  other->object = object;
  other->keeper = keeper;
  other->object_offset = offset;
  return other;
}

Pte Region::page_flags() const {
  Pte flags = Pte::kUser;
  if (access.write) flags = flags | Pte::kWritable;
  if (!access.execute) flags = flags | Pte::kNoExecute;
  return flags;
}

namespace {

/// Bytes of whole 2 MiB pages in [start, end).
uint64_t huge_part(VirtAddr start, VirtAddr end) {
  uint64_t first = align_up(start.value, kHugePageSize);
  uint64_t last = align_down(end.value, kHugePageSize);
  return last > first ? last - first : 0;
}

/// Takes into account a subtree beside `region` and the gap between the two.
void add_subtree(Region& region, const Region& subtree, VirtAddr start, VirtAddr end) {
  region.subtree_gap = std::max({region.subtree_gap, subtree.subtree_gap, end - start});
  region.subtree_huge_gap =
      std::max({region.subtree_huge_gap, subtree.subtree_huge_gap, huge_part(start, end)});
  region.subtree_bytes += subtree.subtree_bytes;
  region.subtree_data += subtree.subtree_data;
}

}  // namespace

void RegionSummary::update(Region& region) {
  region.subtree_start = region.range.start;
  region.subtree_end = region.range.end;
  region.subtree_gap = region.subtree_huge_gap = 0;
  region.subtree_bytes = region.range.size();
  region.subtree_data = region.is_data() ? region.range.size() : 0;
  if (Region* left = region.link.left) {
    region.subtree_start = left->subtree_start;
    add_subtree(region, *left, left->subtree_end, region.range.start);
  }
  if (Region* right = region.link.right) {
    region.subtree_end = right->subtree_end;
    add_subtree(region, *right, region.range.end, right->subtree_start);
  }
}

namespace {

struct GapRequest {
  uint64_t size;
  uint64_t alignment;
  VirtAddr low;
  VirtAddr high;

  /// Whether a gap in the subtree is large enough.
  bool fits_in(const Region& subtree) const {
    return size <= (alignment == kHugePageSize ? subtree.subtree_huge_gap : subtree.subtree_gap);
  }
};

/// The highest fitting start in the gap [start, end), or 0.
uint64_t fit(const GapRequest& want, VirtAddr start, VirtAddr end) {
  uint64_t low = std::max(start, want.low).value;
  uint64_t high = std::min(end, want.high).value;
  if (high < low || high - low < want.size) return 0;
  uint64_t at = align_down(high - want.size, want.alignment);
  return at >= low ? at : 0;
}

/// Searches the gaps inside the subtree, highest first. Subtrees without a large enough gap, or
/// wholly outside [low, high), are passed over.
uint64_t search(const Region* at, const GapRequest& want) {
  if (at == nullptr || !want.fits_in(*at)) return 0;
  if (at->subtree_start >= want.high || at->subtree_end <= want.low) return 0;
  const Region* left = at->link.left;
  const Region* right = at->link.right;
  if (uint64_t found = search(right, want)) return found;
  if (right != nullptr) {
    if (uint64_t found = fit(want, at->range.end, right->subtree_start)) return found;
  }
  if (left != nullptr) {
    if (uint64_t found = fit(want, left->subtree_end, at->range.start)) return found;
  }
  return search(left, want);
}

}  // namespace

Result<VirtAddr> find_gap(const RegionTree& regions, uint64_t size, uint64_t alignment,
                          VirtAddr low, VirtAddr high) {
  GapRequest want{size, alignment, low, high};
  const Region* root = regions.root();
  uint64_t found = 0;
  if (root == nullptr) {
    found = fit(want, low, high);
  } else {
    found = fit(want, root->subtree_end, high);
    if (found == 0) found = search(root, want);
    if (found == 0) found = fit(want, low, root->subtree_start);
  }
  if (found == 0) return Errno::kENOMEM;
  return VirtAddr(found);
}

}  // namespace cairn
