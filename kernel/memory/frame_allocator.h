// Physical memory by frames: a buddy allocator, with a small stack of free frames in front of it on
// each processor. Single frames come from the stack (no lock, no loop); runs, and refills of the
// stack, from the buddy lists. Every
// operation is O(1): a refill moves half a stack, a run costs its own length.
// Source: Knowlton, "A Fast Storage Allocator" (1965).
#pragma once

#include <utility>

#include "lib/format.h"
#include "lib/result.h"
#include "memory/frame.h"
#include "memory/memory_map.h"

namespace cairn {

inline constexpr unsigned kMaxOrder = 10;  // runs of up to 4 MiB
inline constexpr unsigned kHugeOrder = 9;  // 2 MiB

/// Builds the frame table in memory taken from `map` and frees all that is left. Once, at boot.
/// False if there is no room for the table.
bool initialise_frame_allocator(MemoryMap& map);

/// One frame with undefined content and one reference. ENOMEM.
Result<FrameNumber> allocate_frame(FrameUse use);
/// 2^order contiguous frames, aligned to their size, one reference each; for DMA and 2 MiB pages.
Result<FrameNumber> allocate_frames(unsigned order, FrameUse use);
/// As allocate_frame(), filled with zeros.
Result<FrameNumber> allocate_zeroed_frame(FrameUse use);

/// Frees one frame, be it of a run or not. Its references must be 1 or 0; nobody may use it any more.
void free_frame(FrameNumber frame);
void free_frames(FrameNumber frame, unsigned order);

/// The shared zero page: never written, never freed (the kernel keeps one reference).
FrameNumber zero_frame();

uint64_t free_frame_count();
uint64_t total_frame_count();
/// Frames in use as `use`; a snapshot.
uint64_t frames_in_use(FrameUse use);

/// Makes the n-th frame allocation from now fail once, for tests of the error paths. 0: none.
void fail_frame_allocation(uint64_t n);

/// Upward need: subsystems that keep frames they could give back (page cache, from lab B). Called when
/// memory runs out, with no spinlock held and interrupts on; the caller may hold mutexes, so it takes
/// only spinlocks. Returns whether it freed any.
using FrameReclaimer = bool (*)();
void set_frame_reclaimer(FrameReclaimer reclaimer);

/// Frees frames that only who may take mutexes can free: pages that processes have mapped. For a caller
/// that was refused memory, has given up the lock he held for that, and tries again after it. Holds no
/// address space's lock. Returns whether it freed any. May sleep.
bool reclaim_frames();
/// So often one fault or fork() reclaims before it gives up: others may take what it freed.
inline constexpr unsigned kMaxReclaims = 64;
/// Does attempt(), which returns a Result, again as long as it says ENOMEM and others can give up memory. May sleep.
template <class Attempt>
auto with_reclaimed_memory(Attempt attempt) {
  for (unsigned reclaims = 0;; reclaims++) {
    auto done = attempt();
    bool short_of_memory = !done.ok() && done.error() == Errno::kENOMEM;
    if (!short_of_memory || reclaims == kMaxReclaims || !reclaim_frames()) return done;
  }
}
/// Upward need, like the one above.
void set_sleeping_reclaimer(FrameReclaimer reclaimer);

/// Owns a frame until release(); the destructor frees it.
class OwnedFrame {
 public:
  explicit OwnedFrame(FrameNumber frame) : frame_(frame) {}
  OwnedFrame(OwnedFrame&& other) noexcept : frame_(std::exchange(other.frame_, FrameNumber(0))) {}
  ~OwnedFrame() {
    if (frame_.value != 0) free_frame(frame_);
  }
  FrameNumber get() const { return frame_; }
  FrameNumber release() { return std::exchange(frame_, FrameNumber(0)); }

 private:
  FrameNumber frame_;
};

}  // namespace cairn
