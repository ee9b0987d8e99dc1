// What is provided of a page table: its birth, its end, and its use by the processor. The rest is
// lab A's (labs/a-paging/page_table.cc).
#include "memory/page_table.h"

#include <algorithm>

#include "arch/cpu.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/page_cursor.h"
#include "memory/tlb.h"

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
  retired_ = true;
  if (!active_cpus().empty()) flush_tlb_everywhere(*this, {VirtAddr(0), kUserEnd});
  ASSERT(active_cpus().empty());
  free_frame(frame_of(root_));
}

void PageTable::activate() const {
  Cpu& cpu = this_cpu();
  const PageTable* before = cpu.loaded_table;
  if (before == this) return;
  active_cpus_.add(cpu.id);
  Cr3{root_.value}.write();
  cpu.loaded_table = this;
  if (before != nullptr) before->active_cpus_.remove(cpu.id);
}

void PageTable::activate_kernel() {
  Cpu& cpu = this_cpu();
  const PageTable* before = cpu.loaded_table;
  if (before == nullptr) return;
  Cr3{kernel_root().value}.write();
  cpu.loaded_table = nullptr;
  before->active_cpus_.remove(cpu.id);
}

Result<PhysAddr> allocate_table() {
  return frame_address(TRY(allocate_zeroed_frame(FrameUse::kPageTable)));
}

void free_table(PhysAddr table) { free_frame(frame_of(table)); }

void PageCursor::find(VirtAddr from) {
  for (; from < end_; from = part_end_) {
    PageWalk walk = table_.walk_page_table(from);
    if (walk.level == 0) break;
    bool large = walk.level > 1;
    first_ = &walk.entry();
    first_page_ = from;
    size_ = walk.page_size();
    part_end_ =
        large ? walk.end(from)
              : std::min(end_, VirtAddr(align_down(from.value, kHugePageSize) + kHugePageSize));
    stop_ = first_ + (large ? 1 : (part_end_ - from) / kPageSize);
    entry_ = present_from(first_);
    if (entry_ != nullptr) return;
  }
  entry_ = nullptr;
}

}  // namespace cairn
