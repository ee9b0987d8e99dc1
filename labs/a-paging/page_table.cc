// LAB A1, A2: walking and changing page tables. Contract: kernel/memory/page_table.h.
// handouts/a-paging.md explains each item; check with: make grade LAB=a K=A1 (or K=A2)
#include "memory/page_table.h"

#include "lib/not_implemented.h"
#include "memory/tlb.h"

namespace cairn {

// BEGIN SOLUTION A1
// STARTER:
namespace {

constexpr int kRootLevel = 4;

/// The 9 bits of `address` that select the entry at `level`.
constexpr unsigned index_at(VirtAddr address, int level) {
  return unsigned(address.value >> (kPageShift + 9 * (level - 1))) % kEntriesPerTable;
}

}  // namespace
// END SOLUTION

// LAB A1: walk_page_table() (handouts/a-paging.md#a1). Check: make grade LAB=a K=A1
PageWalk PageTable::walk_page_table(VirtAddr address) const {
  // BEGIN SOLUTION A1
  PageWalk walk;
  if (!is_user_address(address)) return walk;
  PhysAddr table = root_;
// Every fault and every page-table operation walks: unrolled, each level's shift is a constant.
#pragma GCC unroll 4
  for (int level = kRootLevel; level >= 1; level--) {
    PageTableEntry& entry = table_at(table).entries[index_at(address, level)];
    walk.entries[level] = &entry;
    uint64_t value = entry.value();
    bool leaf = level == 1 || (level == 2 && (value & uint64_t(Pte::kHuge)) != 0);
    if ((value & uint64_t(Pte::kPresent)) == 0 || leaf) {
      walk.level = level;
      break;
    }
    table = PhysAddr(value & kPteFrameMask);
  }
  return walk;
  // END SOLUTION
}

// LAB A1: get_page_table_entry() (handouts/a-paging.md#a1). Check: make grade LAB=a K=A1
Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr address) const {
  // BEGIN SOLUTION A1
  PageWalk walk = walk_page_table(address);
  if (walk.level == 0) return Errno::kEINVAL;
  if (!walk.is_mapped()) return Errno::kENOENT;
  return &walk.entry();
  // END SOLUTION
}

// BEGIN SOLUTION A2
// STARTER:
namespace {

// Tables restrict nothing: what a page may be used for is said by its leaf alone.
constexpr Pte kTableFlags = Pte::kPresent | Pte::kWritable | Pte::kUser;
// The bits that the processor ignores, and so belong to software: 9–11 and 52–58.
constexpr Pte kSoftwareBits = Pte(0x07f0'0000'0000'0e00);
// What the processor writes into leaves.
constexpr Pte kSeenBits = Pte::kAccessed | Pte::kDirty;

constexpr int leaf_level(PageSize size) { return size == PageSize::k2MiB ? 2 : 1; }
constexpr Pte leaf_flags(Pte flags, PageSize size) {
  return flags | Pte::kPresent | (size == PageSize::k2MiB ? Pte::kHuge : Pte::kNone);
}

/// EINVAL unless page and frame are aligned to `size` and the page lies in the user half.
Result<void> check_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size) {
  bool aligned = is_aligned(page.value | frame.value, uint64_t(size));
  bool known_flags = without(flags, kPermissionBits | Pte::kPresent) == Pte::kNone;
  bool fits = is_user_range(page, uint64_t(size)) && (frame.value & ~kPteFrameMask) == 0;
  if (!aligned || !known_flags || !fits) return Errno::kEINVAL;
  return {};
}

/// The table that holds an entry, from the entry's own address.
PhysAddr table_of(const PageTableEntry* entry) {
  return physical_of(reinterpret_cast<const void*>(align_down(uint64_t(entry), kPageSize)));
}

void set_absent_entry(PageTableEntry& entry, PhysAddr address, Pte flags) {
  table_entry_count(table_of(&entry))++;
  entry.set(address, flags);
}

/// Takes out the present entry that the walk ended at, and every table on the way that this empties.
EntryValue take_entry(const PageWalk& walk, TlbGather& gather) {
  EntryValue old = walk.entry().take();
  for (int level = walk.level;; level++) {
    PhysAddr table = table_of(walk.entries[level]);
    if (--table_entry_count(table) > 0 || level == kRootLevel) return old;
    (void)walk.entries[level + 1]->take();
    gather.free_table(table);
  }
}

/// Whether the walk ended at a leaf of `size`.
bool ends_at(const PageWalk& walk, PageSize size) {
  return walk.level == leaf_level(size) && walk.entry().present();
}

/// For a walk to `page` that ended elsewhere than at a leaf of `size`: splits the 2 MiB page around a
/// 4 KiB page and walks again.
Result<void> split_around(PageTable& table, VirtAddr page, PageWalk& walk, TlbGather& gather,
                          PageSize size) {
  if (!walk.is_mapped() || size == PageSize::k2MiB) return Errno::kENOENT;
  TRY(table.split_page(page, gather));
  walk = table.walk_page_table(page);
  return {};
}

}  // namespace
// END SOLUTION

// LAB A2: map_page() (handouts/a-paging.md#a2). Check: make grade LAB=a K=A2
Result<void> PageTable::map_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size) {
  // BEGIN SOLUTION A2
  TRY(check_page(page, frame, flags, size));
  PageWalk walk = walk_page_table(page);
  int target = leaf_level(size);
  // A 2 MiB page also collides with a table in its place: a table exists only while it maps something.
  if (walk.level < target || walk.entry().present()) return Errno::kEEXIST;
  // Build the missing tables bottom-up, unlinked, so that running out of memory leaves no trace.
  PhysAddr below = frame;
  Pte below_flags = leaf_flags(flags, size);
  for (int level = target; level < walk.level; level++) {
    auto table = allocate_table();
    if (!table.ok()) {
      for (int built = level - 1; built >= target; built--) {
        PhysAddr unused = below;
        below = table_at(unused).entries[index_at(page, built)].address();
        free_table(unused);
      }
      return table.error();
    }
    set_absent_entry(table_at(*table).entries[index_at(page, level)], below, below_flags);
    below = *table;
    below_flags = kTableFlags;
  }
  set_absent_entry(walk.entry(), below, below_flags);
  return {};
  // END SOLUTION
}

// LAB A2: unmap_page() (handouts/a-paging.md#a2). Check: make grade LAB=a K=A2
Result<EntryValue> PageTable::unmap_page(VirtAddr page, TlbGather& gather, PageSize size) {
  // BEGIN SOLUTION A2
  TRY(check_page(page, PhysAddr(0), Pte::kNone, size));
  PageWalk walk = walk_page_table(page);
  if (!ends_at(walk, size)) TRY(split_around(*this, page, walk, gather, size));
  EntryValue old = take_entry(walk, gather);
  gather.add(page, size);
  return old;
  // END SOLUTION
}

// LAB A2: remap_page() (handouts/a-paging.md#a2). Check: make grade LAB=a K=A2
Result<EntryValue> PageTable::remap_page(VirtAddr page, PhysAddr frame, Pte flags,
                                         TlbGather& gather, PageSize size) {
  // BEGIN SOLUTION A2
  TRY(check_page(page, frame, flags, size));
  PageWalk walk = walk_page_table(page);
  if (!ends_at(walk, size)) TRY(split_around(*this, page, walk, gather, size));
  EntryValue before = walk.entry().load();
  Pte kept = before.flags() & kSoftwareBits;
  EntryValue wanted(frame, leaf_flags(flags, size) | kept);
  uint64_t changes = before.bits() ^ wanted.bits();
  if (without(Pte(changes), kSeenBits) == Pte::kNone) return before;
  EntryValue old = walk.entry().exchange(wanted.address(), wanted.flags());
  gather.add(page, size);
  return old;
  // END SOLUTION
}

// LAB A2: split_page() (handouts/a-paging.md#a2). Check: make grade LAB=a K=A2
Result<void> PageTable::split_page(VirtAddr page, TlbGather& gather) {
  // BEGIN SOLUTION A2
  PageWalk walk = walk_page_table(page);
  if (walk.level == 0) return Errno::kEINVAL;
  if (!walk.is_mapped()) return Errno::kENOENT;
  if (walk.page_size() == PageSize::k4KiB) return {};
  PhysAddr table = TRY(allocate_table());
  EntryValue before = walk.entry().load();
  Pte flags = without(before.flags(), Pte::kHuge);
  for (unsigned i = 0; i < kEntriesPerTable; i++) {
    table_at(table).entries[i].set(before.address() + i * kPageSize, flags);
  }
  table_entry_count(table) = kEntriesPerTable;
  EntryValue old = walk.entry().exchange(table, kTableFlags);
  // What a processor set while we filled the table.
  Pte seen = without(old.flags() & kSeenBits, before.flags());
  for (unsigned i = 0; seen != Pte::kNone && i < kEntriesPerTable; i++) {
    (void)table_at(table).entries[i].add(seen);
  }
  gather.add(VirtAddr(align_down(page.value, kHugePageSize)), PageSize::k2MiB);
  return {};
  // END SOLUTION
}

// LAB A2: is_mapped() (handouts/a-paging.md#a2). Check: make grade LAB=a K=A2
bool PageTable::is_mapped(VirtAddr address) const {
  // BEGIN SOLUTION A2
  return walk_page_table(address).is_mapped();
  // END SOLUTION
}

}  // namespace cairn
