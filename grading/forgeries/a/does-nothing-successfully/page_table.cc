// A forgery: every function reports success and does nothing.
#include "memory/page_table.h"

namespace cairn {

PageWalk PageTable::walk_page_table(VirtAddr) const { return {}; }
Result<PageTableEntry*> PageTable::get_page_table_entry(VirtAddr) const { return Errno::kENOENT; }
Result<void> PageTable::map_page(VirtAddr, PhysAddr, Pte, PageSize) { return {}; }
Result<EntryValue> PageTable::unmap_page(VirtAddr, TlbGather&, PageSize) { return EntryValue(); }
Result<EntryValue> PageTable::remap_page(VirtAddr, PhysAddr, Pte, TlbGather&, PageSize) {
  return EntryValue();
}
Result<void> PageTable::split_page(VirtAddr, TlbGather&) { return {}; }
bool PageTable::is_mapped(VirtAddr) const { return false; }

}  // namespace cairn
