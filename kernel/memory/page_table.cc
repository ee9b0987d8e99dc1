// What is provided of a page table: its birth, its end, and its use by the processor. The rest is
// lab A's (labs/a-paging/page_table.cc).
#include "memory/page_table.h"

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "sync/spinlock.h"

namespace cairn {

Result<PageTable> PageTable::create() {
  FrameNumber frame = TRY(allocate_frame(FrameUse::kPageTable));
  auto* words = direct_map_as<uint64_t>(frame_address(frame));
  memset(words, 0, kPageSize / 2);
  memcpy(words + kEntriesPerTable / 2,
         direct_map_as<uint64_t>(kernel_root()) + kEntriesPerTable / 2, kPageSize / 2);
  return PageTable(frame_address(frame));
}

PageTable::~PageTable() {
  if (root_.value == 0) return;
  InterruptsOff off;
  // A kernel thread may still run on this table, having no use for any user half.
  if (is_active()) Cr3{kernel_root().value}.write();
  free_frame(frame_of(root_));
}

void PageTable::activate() const {
  if (!is_active()) Cr3{root_.value}.write();
}

Result<PhysAddr> allocate_table() {
  return frame_address(TRY(allocate_zeroed_frame(FrameUse::kPageTable)));
}

void free_table(PhysAddr table) { free_frame(frame_of(table)); }

}  // namespace cairn
