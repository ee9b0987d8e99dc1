// An alternative to labs/a-paging/frame_refs.cc: an array of its own holds how many users a frame
// has beyond the first. It is all zeros for frames that aren't shared, so nobody needs to set it
// up.
#include "memory/frame_refs.h"

#include <array>
#include <atomic>

#include "lib/assert.h"
#include "memory/frame_allocator.h"

namespace cairn {

namespace {

constexpr uint64_t kMostMemory = 10ull << 30;  // bytes; 8 GiB of RAM and the hole below 4 GiB
constinit std::array<std::atomic<uint16_t>, kMostMemory / kPageSize> further_users{};

std::atomic<uint16_t>& further_users_of(FrameNumber frame) {
  ASSERT(frame.value < further_users.size());
  return further_users[frame.value];
}

}  // namespace

void frame_get(FrameNumber frame) {
  uint16_t before = further_users_of(frame)++;
  ASSERT(before != UINT16_MAX);
}

uint32_t frame_put(FrameNumber frame) {
  std::atomic<uint16_t>& further = further_users_of(frame);
  uint16_t seen = further;
  while (seen != 0) {
    if (further.compare_exchange_weak(seen, uint16_t(seen - 1))) return seen;
  }
  free_frame(frame);  // we were the only user, so nobody can have become one meanwhile
  return 0;
}

uint32_t frame_references(FrameNumber frame) { return 1u + further_users_of(frame); }

}  // namespace cairn
