// LAB A, item A4: how many users a frame has.
//
// A frame is born with one reference (allocate_frame()). Each page-table entry that maps it holds
// one, and so does a page cache that keeps it. With more than one reference a frame is shared and
// nobody may write to it.
//
// Locks: none; any number of processors may call these for the same frame at once, so the
// operations are atomic. frame_put() orders all earlier uses of the frame before its freeing.
#pragma once

#include <cstdint>

#include "lib/types.h"

namespace cairn {

// ---- LAB A4 (handouts/a-paging.md#a4) --------------------------------------------------------

/// Adds a reference to a frame that has at least one. Panics if the count would wrap.
void frame_get(FrameNumber frame);

/// Drops a reference; the last one frees the frame (free_frame()). Returns how many are left.
uint32_t frame_put(FrameNumber frame);

/// References now. With one reference, held by the caller under its address space's lock, the
/// answer can't change; otherwise it is a snapshot.
uint32_t frame_references(FrameNumber frame);

}  // namespace cairn
