// The ends of epochs and commits, and the state in the superblock.
#include "ext2/allocation_state.h"
#include "memory/heap.h"
#include "time/clock.h"

namespace cairn::ext2 {

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

uint32_t now() { return uint32_t(realtime_ns() / kNanosecondsPerSecond); }

}  // namespace

/// At the end of an epoch: what it freed belongs to the commit that begins; with what an earlier one
/// that failed left.
void Allocator::State::seal() {
  MutexGuard guard(lock);
  while (Held* held = held_list[kCurrent]) {
    held_list[kCurrent] = held->next;
    Resource& owner = *held->owner;
    owner.holds[kCurrent] = nullptr;
    Held*& sealed = owner.holds[kSealed];
    if (sealed == nullptr) {
      sealed = held;
      held->next = std::exchange(held_list[kSealed], held);
      continue;
    }
    for (uint32_t bit = 0; bit < owner.count; bit += kWordBits) {
      sealed->words()[bit / kWordBits] |= held->words()[bit / kWordBits];
    }
    sealed->count += held->count;
    heap_free(held);
  }
  for (uint32_t i = 0; some_all_held && i < geometry.group_count; i++) {
    for (Resource* resource : {&group(i).blocks, &group(i).inodes}) {
      resource->all_held[kSealed] |= std::exchange(resource->all_held[kCurrent], false);
    }
  }
  if (!writing.load()) return;
  bool is_news = errors_found.load() && (superblock().state & kStateErrors) == 0;
  if (is_news && mark_superblock().ok()) superblock().state |= kStateErrors;
  superblock().write_time = now();
}

/// Blocks that are free according to bitmaps in memory: held as if the epoch that is being committed had
/// freed them. All or none.
bool Allocator::State::lend(std::span<uint32_t> numbers) {
  MutexGuard guard(lock);
  size_t found = 0;
  for (uint32_t i = geometry.group_count; i-- > 0 && found < numbers.size();) {
    Resource& from = group(i).blocks;
    if (!from.bitmap || from.available() == 0) continue;
    uint32_t bit = find_clear_bit(from.view(), 0, from.count);
    for (; bit != kNoBit && found < numbers.size();
         bit = find_clear_bit(from.view(), bit + 1, from.count)) {
      numbers[found++] = uint32_t(first_block(i) + bit);
    }
  }
  if (found < numbers.size()) return false;
  for (uint32_t number : numbers) {
    const BlockPlace place = place_of(number);
    Group& of = group(place.group);
    hold(of, of.blocks, place.bit, kSealed);
  }
  return true;
}

void Allocator::release_freed() {
  State& s = state_;
  MutexGuard guard(s.lock);
  while (Held* held = s.held_list[kSealed]) {
    s.held_list[kSealed] = held->next;
    Resource& owner = *held->owner;
    owner.holds[kSealed] = nullptr;
    owner.held -= held->count;
    owner.hint = 0;
    held->total->held -= held->count;
    heap_free(held);
  }
  if (!s.some_all_held) return;
  s.some_all_held = false;
  for (uint32_t i = 0; i < s.geometry.group_count; i++) {
    for (Resource* resource : {&s.group(i).blocks, &s.group(i).inodes}) {
      resource->all_held[kSealed] = false;
      resource->hint = 0;
      s.some_all_held |= resource->all_held[kCurrent];
    }
  }
}

void Allocator::State::note_errors() {
  errors_found.store(true);
  if (writing.load()) metadata.want_commit();
}

void Allocator::mark_errors() { state_.note_errors(); }

// As Linux does: a file system that was not clean when it was mounted isn't when it is unmounted.
Result<void> Allocator::mark_state(bool clean) {
  State& s = state_;
  Operation operation(s.metadata);
  TRY(s.mark_superblock());
  MutexGuard guard(s.lock);
  Superblock& superblock = s.superblock();
  uint16_t errors = superblock.state & kStateErrors;
  if (s.errors_found.load()) errors = kStateErrors;
  if (clean) {
    superblock.state = uint16_t(errors | (s.clean_when_mounted ? kStateClean : 0));
  } else {
    s.clean_when_mounted = (superblock.state & kStateClean) != 0;
    superblock.state = errors;
    superblock.mount_count++;
    superblock.mount_time = now();
  }
  superblock.write_time = now();
  s.writing.store(!clean);
  return {};
}

Result<void> Allocator::mark_large_file() {
  State& s = state_;
  TRY(s.mark_superblock());
  MutexGuard guard(s.lock);
  s.superblock().feature_ro_compat |= kRoCompatLargeFile;
  return {};
}

}  // namespace cairn::ext2
