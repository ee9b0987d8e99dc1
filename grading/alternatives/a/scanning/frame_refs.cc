// An alternative to labs/a-paging/frame_refs.cc: compare and exchange instead of adding.
#include "memory/frame_refs.h"

#include "lib/assert.h"
#include "memory/frame_allocator.h"

namespace cairn {

namespace {

/// Adds `change` to the frame's count and returns the sum.
uint32_t adjust(FrameNumber frame, int change) {
  std::atomic<uint32_t>& count = frame_info(frame).references;
  uint32_t before = count.load();
  do {
    ASSERT(before != 0 && (change < 0 || before != UINT32_MAX));
  } while (!count.compare_exchange_strong(before, before + uint32_t(change)));
  return before + uint32_t(change);
}

}  // namespace

void frame_get(FrameNumber frame) { adjust(frame, 1); }

uint32_t frame_put(FrameNumber frame) {
  uint32_t left = adjust(frame, -1);
  if (left == 0) free_frame(frame);
  return left;
}

uint32_t frame_references(FrameNumber frame) { return frame_info(frame).references; }

}  // namespace cairn
