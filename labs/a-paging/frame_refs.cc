// LAB A4: reference counts on frames. Contract: kernel/memory/frame_refs.h.
// handouts/a-paging.md#a4 explains them; check with: make grade LAB=a K=A4
#include "memory/frame_refs.h"

#include "lib/not_implemented.h"
#include "memory/frame_allocator.h"

namespace cairn {

// LAB A4: frame_get() (handouts/a-paging.md#a4). Check: make grade LAB=a K=A4
void frame_get(FrameNumber frame) {
  // BEGIN SOLUTION A4
  // STARTER: not_implemented("A4");
  // Nobody can free the frame meanwhile, since the caller has a reference: no order is needed.
  uint32_t before = frame_info(frame).references.fetch_add(1, std::memory_order_relaxed);
  ASSERT(before != 0 && before != UINT32_MAX);
  // END SOLUTION
}

// LAB A4: frame_put() (handouts/a-paging.md#a4). Check: make grade LAB=a K=A4
uint32_t frame_put(FrameNumber frame) {
  // BEGIN SOLUTION A4
  // Release: our uses of the frame come before. Acquire, for the last one: everybody else's do too.
  uint32_t before = frame_info(frame).references.fetch_sub(1, std::memory_order_acq_rel);
  ASSERT(before != 0);
  if (before == 1) free_frame(frame);
  return before - 1;
  // END SOLUTION
}

// LAB A4: frame_references() (handouts/a-paging.md#a4). Check: make grade LAB=a K=A4
uint32_t frame_references(FrameNumber frame) {
  // BEGIN SOLUTION A4
  return frame_info(frame).references.load(std::memory_order_acquire);
  // END SOLUTION
}

}  // namespace cairn
