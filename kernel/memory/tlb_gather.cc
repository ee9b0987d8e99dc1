#include "arch/cpu.h"
#include "lib/assert.h"
#include "memory/frame.h"
#include "memory/frame_refs.h"
#include "memory/tlb.h"
#include "sync/lock_order.h"

namespace cairn {

void TlbGather::free_table(PhysAddr table) {
  FrameNumber frame = frame_of(table);
  frame_info(frame).next = uint32_t(tables_.value);
  tables_ = frame;
}

void TlbGather::flush_translations() {
  // INVLPG at any address of a page forgets the whole page, be it of 2 MiB.
  if (page_count_ == 1) range_.end = range_.start + kPageSize;
  page_count_ = 0;
  if (kDebugBuild) ASSERT(interrupts_enabled() && this_cpu().preempt_count == 0);
  flush_tlb_everywhere(table_, range_);
}

void TlbGather::release_memory() {
  while (tables_.value != 0) {
    FrameNumber table = tables_;
    tables_ = FrameNumber(frame_info(table).next);
    cairn::free_table(frame_address(table));
  }
  for (unsigned i = 0; i < frame_count_; i++) {
    uint64_t count = frames_[i] & 1 ? kHugePageSize / kPageSize : 1;
    FrameNumber first = frame_of(PhysAddr(frames_[i]));
    for (uint64_t k = 0; k < count; k++) frame_put(first + k);
  }
  frame_count_ = 0;
}

void flush_tlb_here(const PageTable& table, VirtRange range) {
  if (!table.is_active()) return;
  if (range.size() == kPageSize) {
    flush_tlb_single(range.start);
  } else if (table.retired_) {
    PageTable::activate_kernel();  // its end flushes the whole user half
  } else {
    flush_tlb_range(range);
  }
}

}  // namespace cairn
