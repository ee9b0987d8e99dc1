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

Result<PhysAddr> PageTable::unmap_page(VirtAddr, TlbGather&, PageSize) {
  flush_tlb_all();
  return PhysAddr(0x200000);
}

Result<void> PageTable::remap_page(VirtAddr, PhysAddr, Pte, TlbGather&, PageSize) {
  flush_tlb_all();
  return {};
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
