// What the kernel knows about each 4 KiB frame of physical memory.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/types.h"

namespace cairn {

/// Who has a frame. `frames` in the monitor counts by these.
enum class FrameUse : uint8_t {
  kReserved,  // not RAM, or taken at boot for good
  kFree,
  kPageTable,
  kUser,     // memory of processes
  kZero,     // the one shared zero page
  kProgram,  // pages of program files
  kHeap,
  kStack,  // kernel stacks
  kDma,
  kCache,  // pages of files and devices
  kCount,
};
const char* frame_use_name(FrameUse use);

struct Frame {
  // Links of a free list (frame allocator) or of a TlbGather's tables; frame 0 ends a list.
  uint32_t next;
  uint32_t previous;
  std::atomic<uint32_t> references;  // memory/frame_refs.h
  FrameUse use;
  uint8_t order;           // head of a free block or of a contiguous run: log2 of its frames
  uint16_t table_entries;  // page tables: entries present (memory/page_table.h)
};
static_assert(sizeof(Frame) == 16);

extern Frame* frame_table;    // indexed by frame number
extern uint64_t frame_limit;  // frames that the table describes

inline Frame& frame_info(FrameNumber frame) { return frame_table[frame.value]; }
/// Whether `address` lies in memory that the frame table describes.
inline bool is_known_frame(PhysAddr address) { return address.value >> kPageShift < frame_limit; }

}  // namespace cairn
