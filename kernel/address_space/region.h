// A region: a range of user addresses that are treated alike.
#pragma once

#include "address_space/memory_object.h"
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

enum class RegionKind : uint8_t { kAnonymous, kProgram, kHeap, kStack, kFile };
const char* region_kind_name(RegionKind kind);

/// Its range, and where that begins in the object, are the Mapping's. Protected by the address space's
/// lock.
struct Region : Mapping {
  Access access;
  RegionKind kind = RegionKind::kAnonymous;
  bool grows_down = false;         // the stack: a fault below extends it
  bool huge = false;               // backed by 2 MiB pages where they can be had
  bool shared = false;             // shows the object's own pages, to be written too
  bool may_write = true;           // whether mprotect may permit writing
  MemoryObject* object = nullptr;  // null: private memory that begins as zeros
  RefPtr<ObjectKeeper> keeper;     // of the object; null: it stays for ever

  // Place in its address space's tree, and what the subtree below knows: its extent, the largest gap
  // between two neighbours in it (find_gap() descends by it), and how much there is in it.
  TreeLink<Region> link;
  VirtAddr subtree_start;
  VirtAddr subtree_end;
  uint64_t subtree_gap = 0;       // bytes
  uint64_t subtree_huge_gap = 0;  // the same of what 2 MiB pages can fill
  uint64_t subtree_bytes = 0;     // of all its regions
  uint64_t subtree_data = 0;      // of those that are data

  /// Another with the same attributes, in no tree; null: no memory.
  Region* alike(VirtRange where, uint64_t offset) const;
  /// The permission bits for pages that are this region's alone.
  Pte page_flags() const;
  /// What RLIMIT_DATA counts: private memory that may be written, but for the stack.
  bool is_data() const { return access.write && !shared && kind != RegionKind::kStack; }
  /// Where `page` lies in the object, in bytes.
  uint64_t object_offset_of(VirtAddr page) const { return object_offset + (page - range.start); }
};

struct RegionSummary {
  static void update(Region& region);
};
inline VirtAddr region_key(const Region& region) { return region.range.start; }
using RegionTree = Tree<Region, &Region::link, &region_key, RegionSummary>;

/// The highest free range of `size` bytes, a multiple of `alignment` in address, in [low, high).
/// ENOMEM. O(log n) for alignments of 4 KiB and 2 MiB.
Result<VirtAddr> find_gap(const RegionTree& regions, uint64_t size, uint64_t alignment,
                          VirtAddr low, VirtAddr high);

}  // namespace cairn
