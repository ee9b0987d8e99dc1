// An alternative to labs/a-paging/page_table.cc: every operation descends from the root by
// recursion, and does its work on the way back up.
#include "memory/page_table.h"

#include "memory/tlb.h"

namespace cairn {

namespace {

constexpr int kRoot = 4;
constexpr Pte kTable = Pte::kPresent | Pte::kWritable | Pte::kUser;
constexpr Pte kSoftware = Pte(0x07f0'0000'0000'0e00);
constexpr Pte kTouched = Pte::kAccessed | Pte::kDirty;

struct Request {
  VirtAddr page;
  int level;  // of the leaf: 1 for 4 KiB, 2 for 2 MiB
  PageSize size() const { return level == 2 ? PageSize::k2MiB : PageSize::k4KiB; }
};

PageTableEntry& select(PhysAddr table, int level, VirtAddr address) {
  return table_at(table).entries[(address.value >> (3 + 9 * level)) & (kEntriesPerTable - 1)];
}

bool is_leaf(const PageTableEntry& entry, int level) {
  return level == 1 || (level == 2 && entry.huge());
}

bool valid(VirtAddr page, PageSize size) {
  return is_aligned(page.value, uint64_t(size)) && is_user_range(page, uint64_t(size));
}

bool valid(PhysAddr frame, Pte flags, PageSize size) {
  return is_aligned(frame.value, uint64_t(size)) && frame.value <= kPteFrameMask &&
         without(flags, kPermissionBits | Pte::kPresent) == Pte::kNone;
}

Pte leaf(Pte flags, const Request& request) {
  return flags | Pte::kPresent | (request.level == 2 ? Pte::kHuge : Pte::kNone);
}

void walk_from(PhysAddr table, int level, VirtAddr address, PageWalk& walk) {
  PageTableEntry& entry = select(table, level, address);
  walk.entries[size_t(level)] = &entry;
  walk.level = level;
  if (entry.present() && !is_leaf(entry, level))
    walk_from(entry.address(), level - 1, address, walk);
}

Result<void> map_in(PhysAddr table, int level, const Request& request, PhysAddr frame, Pte flags) {
  PageTableEntry& entry = select(table, level, request.page);
  if (entry.present()) {
    if (level == request.level || is_leaf(entry, level)) return Errno::kEEXIST;
    return map_in(entry.address(), level - 1, request, frame, flags);
  }
  if (level == request.level) {
    entry.set(frame, leaf(flags, request));
  } else {
    PhysAddr below = TRY(allocate_table());
    Result<void> mapped = map_in(below, level - 1, request, frame, flags);
    if (!mapped.ok()) {
      free_table(below);
      return mapped;
    }
    entry.set(below, kTable);  // only now does anybody see the new tables
  }
  ++table_entry_count(table);
  return {};
}

Result<void> split(PageTableEntry& entry, VirtAddr page, TlbGather& gather) {
  PhysAddr table = TRY(allocate_table());
  EntryValue large = entry.load();
  PhysAddr frame = large.address();
  for (PageTableEntry& small : table_at(table).entries) {
    small.set(frame, without(large.flags(), Pte::kHuge));
    frame += kPageSize;
  }
  table_entry_count(table) = kEntriesPerTable;
  Pte touched = entry.exchange(table, kTable).flags() & kTouched;
  if (touched != (large.flags() & kTouched)) {
    for (PageTableEntry& small : table_at(table).entries) (void)small.add(touched);
  }
  gather.add(VirtAddr(align_down(page.value, kHugePageSize)), PageSize::k2MiB);
  return {};
}

/// Finds the leaf of exactly the requested size below `table`, splitting a larger one, lets
/// `change` have it, and frees tables that this left empty.
template <class Change>
Result<void> change_in(PhysAddr table, int level, const Request& request, TlbGather& gather,
                       Change change) {
  PageTableEntry& entry = select(table, level, request.page);
  if (!entry.present()) return Errno::kENOENT;
  if (level == request.level) {
    if (!is_leaf(entry, level)) return Errno::kENOENT;
    change(entry);
  } else {
    if (is_leaf(entry, level)) TRY(split(entry, request.page, gather));
    PhysAddr below = entry.address();
    TRY(change_in(below, level - 1, request, gather, change));
    if (table_entry_count(below) != 0) return {};
    (void)entry.take();
    gather.free_table(below);
  }
  if (!entry.present()) --table_entry_count(table);
  return {};
}

}  // namespace

PageWalk PageTable::walk_page_table(VirtAddr address) const {
  PageWalk walk;
  if (is_user_address(address)) walk_from(root_, kRoot, address, walk);
  return walk;
}

Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr address) const {
  if (!is_user_address(address)) return Errno::kEINVAL;
  PageWalk walk = walk_page_table(address);
  return walk.is_mapped() ? Result(&walk.entry()) : Errno::kENOENT;
}

Result<void> PageTable::map_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size) {
  if (!valid(page, size) || !valid(frame, flags, size)) return Errno::kEINVAL;
  return map_in(root_, kRoot, {page, size == PageSize::k2MiB ? 2 : 1}, frame, flags);
}

Result<EntryValue> PageTable::unmap_page(VirtAddr page, TlbGather& gather, PageSize size) {
  if (!valid(page, size)) return Errno::kEINVAL;
  Request request{page, size == PageSize::k2MiB ? 2 : 1};
  EntryValue old;
  TRY(change_in(root_, kRoot, request, gather, [&](PageTableEntry& entry) {
    old = entry.take();
    gather.add(page, size);
  }));
  return old;
}

Result<EntryValue> PageTable::remap_page(VirtAddr page, PhysAddr frame, Pte flags,
                                         TlbGather& gather, PageSize size) {
  if (!valid(page, size) || !valid(frame, flags, size)) return Errno::kEINVAL;
  Request request{page, size == PageSize::k2MiB ? 2 : 1};
  EntryValue old;
  TRY(change_in(root_, kRoot, request, gather, [&](PageTableEntry& entry) {
    old = entry.load();
    Pte wanted = leaf(flags, request) | (old.flags() & kSoftware);
    if (old.address() == frame && without(old.flags(), kTouched) == wanted) return;
    old = entry.exchange(frame, wanted);
    gather.add(page, size);
  }));
  return old;
}

Result<void> PageTable::split_page(VirtAddr page, TlbGather& gather) {
  PageTableEntry* entry = TRY(get_page_table_entry(page));
  if (walk_page_table(page).page_size() == PageSize::k4KiB) return {};
  return split(*entry, page, gather);
}

bool PageTable::is_mapped(VirtAddr address) const { return get_page_table_entry(address).ok(); }

}  // namespace cairn
