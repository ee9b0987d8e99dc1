// An alternative to labs/a-paging/page_table.cc: tables are built from the top and taken down again
// if memory runs out, and whether a table is empty is seen by looking at its 512 entries; the count
// kept beside the frame isn't used.
#include "memory/page_table.h"

#include <algorithm>

#include "memory/tlb.h"

namespace cairn {

namespace {

constexpr uint64_t kLinkBits = uint64_t(kPermissionBits & Pte(0x7)) | 1;
constexpr uint64_t kHugeBit = uint64_t(Pte::kHuge);
constexpr uint64_t kTouchedBits = uint64_t(Pte::kAccessed | Pte::kDirty);
constexpr uint64_t kProcessorBits = kPteFrameMask | 0xf800'0000'0000'01ff;

bool is_empty(const Table& table) {
  return std::none_of(table.entries.begin(), table.entries.end(),
                      [](const PageTableEntry& entry) { return entry.present(); });
}

/// Unlinks and frees the empty tables on the way of a walk, from the lowest, with `give_back`.
template <class GiveBack>
void prune(const PageWalk& walk, GiveBack give_back) {
  for (int level = walk.level; level < 4; level++) {
    PageTableEntry* link = walk.entries[level + 1];
    if (!is_empty(table_at(link->address()))) return;
    PhysAddr table = link->address();
    (void)link->take();
    give_back(table);
  }
}

Result<int> level_for(VirtAddr page, PhysAddr memory, Pte flags, PageSize size) {
  uint64_t mask = uint64_t(size) - 1;
  if ((page.value & mask) != 0 || (memory.value & mask) != 0) return Errno::kEINVAL;
  if (page.value >= kUserEnd.value || kUserEnd.value - page.value < uint64_t(size))
    return Errno::kEINVAL;
  if ((memory.value & ~kPteFrameMask) != 0) return Errno::kEINVAL;
  if ((uint64_t(flags) & ~uint64_t(kPermissionBits | Pte::kPresent)) != 0) return Errno::kEINVAL;
  return size == PageSize::k2MiB ? 2 : 1;
}

Pte leaf_bits(Pte flags, int level) {
  return Pte(uint64_t(flags) | 1 | (level == 2 ? kHugeBit : 0));
}

/// The leaf of exactly `level` at `page`; splits a 2 MiB page if a 4 KiB one is wanted.
Result<PageWalk> exact_leaf(PageTable& table, VirtAddr page, int level, TlbGather& gather) {
  PageWalk walk = table.walk_page_table(page);
  if (!walk.is_mapped() || walk.level < level) return Errno::kENOENT;
  if (walk.level > level) TRY(table.split_page(page, gather));
  return table.walk_page_table(page);
}

}  // namespace

PageWalk PageTable::walk_page_table(VirtAddr address) const {
  PageWalk walk;
  if (address >= kUserEnd) return walk;
  Table* table = &table_at(root_);
  unsigned shift = 39;
  for (walk.level = 4;; walk.level--, shift -= 9) {
    PageTableEntry& entry = table->entries[address.value >> shift & 511];
    walk.entries[walk.level] = &entry;
    bool leads_on = entry.present() && walk.level > 1 && !(walk.level == 2 && entry.huge());
    if (!leads_on) return walk;
    table = &table_at(entry.address());
  }
}

Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr address) const {
  PageWalk walk = walk_page_table(address);
  if (walk.is_mapped()) return &walk.entry();
  return walk.level == 0 ? Errno::kEINVAL : Errno::kENOENT;
}

Result<void> PageTable::map_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size) {
  int level = TRY(level_for(page, frame, flags, size));
  PageWalk walk = walk_page_table(page);
  if (walk.entry().present() || walk.level < level) return Errno::kEEXIST;
  while (walk.level > level) {
    auto table = allocate_table();
    if (!table.ok()) {
      prune(walk, [](PhysAddr unused) { cairn::free_table(unused); });
      return table.error();
    }
    walk.entry().set(*table, Pte(kLinkBits));
    walk = walk_page_table(page);
  }
  walk.entry().set(frame, leaf_bits(flags, level));
  return {};
}

Result<EntryValue> PageTable::unmap_page(VirtAddr page, TlbGather& gather, PageSize size) {
  int level = TRY(level_for(page, PhysAddr(0), Pte::kNone, size));
  PageWalk walk = TRY(exact_leaf(*this, page, level, gather));
  EntryValue old = walk.entry().take();
  gather.add(page, size);
  prune(walk, [&gather](PhysAddr table) { gather.free_table(table); });
  return old;
}

Result<EntryValue> PageTable::remap_page(VirtAddr page, PhysAddr frame, Pte flags,
                                         TlbGather& gather, PageSize size) {
  int level = TRY(level_for(page, frame, flags, size));
  PageWalk found = walk_page_table(page);
  if (level == 1 && found.level == 2 && found.is_mapped()) {  // don't split for nothing
    EntryValue large = found.entry().load();
    PhysAddr piece = large.address() + page.value % kHugePageSize;
    EntryValue small(piece, without(large.flags(), Pte::kHuge));
    uint64_t change = small.bits() ^ EntryValue(frame, leaf_bits(flags, 1)).bits();
    if ((change & kProcessorBits & ~kTouchedBits) == 0) return small;
  }
  PageWalk walk = TRY(exact_leaf(*this, page, level, gather));
  EntryValue old = walk.entry().load();
  Pte fresh = leaf_bits(flags, level) | Pte(old.bits() & ~kProcessorBits);
  uint64_t difference = old.bits() ^ EntryValue(frame, fresh).bits();
  if ((difference & ~kTouchedBits) == 0) return old;
  gather.add(page, size);
  return walk.entry().exchange(frame, fresh);
}

Result<void> PageTable::split_page(VirtAddr page, TlbGather& gather) {
  PageTableEntry* entry = TRY(get_page_table_entry(page));
  if (walk_page_table(page).level == 1) return {};
  PhysAddr table = TRY(allocate_table());
  EntryValue large = entry->load();
  for (unsigned i = kEntriesPerTable; i-- > 0;)
    table_at(table).entries[i].set(large.address() + i * kPageSize,
                                   without(large.flags(), Pte::kHuge));
  uint64_t touched = entry->exchange(table, Pte(kLinkBits)).bits() & kTouchedBits;
  for (unsigned i = 0; (touched & ~large.bits()) != 0 && i < kEntriesPerTable; i++)
    (void)table_at(table).entries[i].add(Pte(touched));
  gather.add(VirtAddr(page.value & -kHugePageSize), PageSize::k2MiB);
  return {};
}

bool PageTable::is_mapped(VirtAddr address) const {
  PageWalk walk = walk_page_table(address);
  return walk.level != 0 && walk.entry().present();
}

}  // namespace cairn
