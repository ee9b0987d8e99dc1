#include "memory/memory_map.h"

#include "arch/layout.h"
#include "lib/string.h"

namespace cairn {

void MemoryMap::add(PhysRange range) {
  range.start.value = align_up(range.start.value, kPageSize);
  range.end.value = align_down(range.end.value, kPageSize);
  // What the direct map can't show can't be used.
  range.end.value = range.end.value < kDirectMapSize ? range.end.value : kDirectMapSize;
  if (range.size() == 0 || ram_count_ == ram_.size()) return;
  ram_[ram_count_++] = range;
  usable_[usable_count_++] = range;
  total_bytes_ += range.size();
  if (end_ < range.end) end_ = range.end;
}

void MemoryMap::remove_at(size_t index) { usable_[index] = usable_[--usable_count_]; }

void MemoryMap::reserve(PhysRange taken) {
  taken.start.value = align_down(taken.start.value, kPageSize);
  taken.end.value = align_up(taken.end.value, kPageSize);
  for (size_t i = 0; i < usable_count_;) {
    PhysRange range = usable_[i];
    if (range.end <= taken.start || taken.end <= range.start) {
      i++;
      continue;
    }
    remove_at(i);  // what is left of it goes back in pieces; they don't overlap `taken`
    PhysRange before{range.start, taken.start};
    PhysRange after{taken.end, range.end};
    if (before.size() != 0 && usable_count_ < usable_.size()) usable_[usable_count_++] = before;
    if (after.size() != 0 && usable_count_ < usable_.size()) usable_[usable_count_++] = after;
  }
}

PhysAddr MemoryMap::take(uint64_t bytes, PhysAddr limit) {
  bytes = align_up(bytes, kPageSize);
  for (size_t i = 0; i < usable_count_; i++) {
    PhysRange& range = usable_[i];
    if (range.size() < bytes || range.start + bytes > limit) continue;
    PhysAddr start = range.start;
    range.start += bytes;
    if (range.size() == 0) remove_at(i);
    memset(direct_map(start), 0, bytes);
    return start;
  }
  return PhysAddr(0);
}

}  // namespace cairn
