#include "drivers/virtqueue.h"

#include <atomic>

#include "arch/layout.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"

namespace cairn {

namespace {

constexpr unsigned kOrder = 1;  // two frames
constexpr uint16_t kUsedNoNotice = 1;

}  // namespace

Virtqueue::~Virtqueue() {
  if (memory_.value != 0) free_frames(frame_of(memory_), kOrder);
}

Result<void> Virtqueue::allocate(uint16_t size) {
  ASSERT(memory_.value == 0 && size != 0 && size <= kMaxSize && (size & (size - 1)) == 0);
  memory_ = frame_address(TRY(allocate_frames(kOrder, FrameUse::kDma)));
  memset(direct_map(memory_), 0, kPageSize << kOrder);
  table_ = direct_map_as<VirtqDescriptor>(descriptors());
  available_ = direct_map_as<Available>(available());
  used_ = direct_map_as<UsedRing>(used());
  size_ = free_count_ = size;
  for (uint16_t i = 0; i < size; i++) links_[i] = uint16_t(i + 1);
  return {};
}

void Virtqueue::offer(std::span<const VirtqDescriptor> chain) {
  ASSERT(!chain.empty() && chain.size() <= free_count_);
  uint16_t head = free_;
  uint16_t at = head;
  for (size_t i = 0; i < chain.size(); i++) {
    bool last = i + 1 == chain.size();
    VirtqDescriptor& entry = table_[at];
    entry = chain[i];
    entry.flags =
        uint16_t((entry.flags & ~VirtqDescriptor::kNext) | (last ? 0 : VirtqDescriptor::kNext));
    entry.next = links_[at];
    at = links_[at];
  }
  free_ = at;
  free_count_ -= uint16_t(chain.size());
  lengths_[head] = uint16_t(chain.size());
  uint16_t index = available_->index;
  available_->ring[index & (size_ - 1)] = head;
  // The device may read the entry as soon as it sees the index.
  __atomic_store_n(&available_->index, uint16_t(index + 1), __ATOMIC_RELEASE);
}

bool Virtqueue::device_wants_notice() const {
  // The index must be out before the flag is read: the device sets the flag, then looks again.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (__atomic_load_n(&used_->flags, __ATOMIC_RELAXED) & kUsedNoNotice) == 0;
}

uint16_t Virtqueue::used_count() const {
  return uint16_t(__atomic_load_n(&used_->index, __ATOMIC_ACQUIRE) - used_seen_);
}

std::optional<Virtqueue::Used> Virtqueue::take_used() {
  if (used_count() == 0) return std::nullopt;
  return used_->ring[used_seen_++ & (size_ - 1)];
}

void Virtqueue::free_chain(uint16_t head) {
  ASSERT(head < size_ && lengths_[head] != 0);
  uint16_t last = head;
  for (uint16_t i = 1; i < lengths_[head]; i++) last = links_[last];
  links_[last] = free_;
  free_ = head;
  free_count_ += lengths_[head];
  lengths_[head] = 0;
}

}  // namespace cairn
