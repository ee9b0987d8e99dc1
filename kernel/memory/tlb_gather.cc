#include <algorithm>

#include "memory/frame.h"
#include "memory/frame_refs.h"
#include "memory/tlb.h"

namespace cairn {

void TlbGather::add(VirtAddr page, PageSize size) {
  VirtRange added{page, page + uint64_t(size)};
  page_count_++;
  if (range_.empty()) {
    range_ = added;
  } else {
    range_ = {std::min(range_.start, added.start), std::max(range_.end, added.end)};
  }
}

void TlbGather::free_table(PhysAddr table) {
  FrameNumber frame = frame_of(table);
  frame_info(frame).next = uint32_t(tables_.value);
  tables_ = frame;
}

void TlbGather::put_frame(PhysAddr frame, PageSize size) {
  if (frame_count_ == kMaxFrames) flush();
  frames_[frame_count_++] = PhysAddr(frame.value | (size == PageSize::k2MiB ? 1 : 0));
}

void TlbGather::flush() {
  if (page_count_ != 0) {
    // INVLPG at any address of a page forgets the whole page, be it of 2 MiB.
    if (page_count_ == 1) range_.end = range_.start + kPageSize;
    flush_tlb_everywhere(table_, range_);
    range_ = {};
    page_count_ = 0;
  }
  while (tables_.value != 0) {
    FrameNumber table = tables_;
    tables_ = FrameNumber(frame_info(table).next);
    cairn::free_table(frame_address(table));
  }
  for (unsigned i = 0; i < frame_count_; i++) {
    uint64_t count = frames_[i].value & 1 ? kHugePageSize / kPageSize : 1;
    for (uint64_t k = 0; k < count; k++) frame_put(frame_of(frames_[i]) + k);
  }
  frame_count_ = 0;
}

}  // namespace cairn
