#include "address_space/memory_object.h"

#include <algorithm>

#include "address_space/address_space.h"

namespace cairn {

namespace {

constinit Mutex walk_lock{"mappings", LockRank::kMappings};
constinit std::atomic<uint64_t> last_number{0};

}  // namespace

VirtRange ObjectPages::part_of(const Mapping& mapping) const {
  uint64_t start = mapping.object_offset / kPageSize;
  uint64_t end = start + mapping.range.size() / kPageSize;
  uint64_t from = std::clamp(first, start, end);
  uint64_t to = count > end - first ? end : first + count;
  if (first >= end || to <= from) return {mapping.range.start, mapping.range.start};
  return {mapping.range.start + (from - start) * kPageSize,
          mapping.range.start + (to - start) * kPageSize};
}

uint64_t MemoryObject::number() {
  uint64_t number = number_.load();
  if (number != 0) return number;
  uint64_t next = last_number.fetch_add(1) + 1;
  return number_.compare_exchange_strong(number, next) ? next : number;
}

void MemoryObject::add_mapping(Mapping& mapping) {
  Guard guard(list_lock_);
  mappings_.push_back(mapping);
  mapping_count_.fetch_add(1);
  // A walk that has come to the end of the list goes on with it: fork may have given it pages that the
  // walk has not seen in the parent yet.
  if (walking_ && next_ == nullptr) next_ = &mapping;
}

void MemoryObject::set_mapping_end(Mapping& mapping, VirtAddr end) {
  Guard guard(list_lock_);
  mapping.range.end = end;
}

void MemoryObject::remove_mapping(Mapping& mapping) {
  Guard guard(list_lock_);
  if (next_ == &mapping) next_ = mappings_.next(mapping);
  mappings_.remove(mapping);
  mapping_count_.fetch_sub(1);
}

template <class Visit>
void MemoryObject::for_each_mapping(const ObjectPages& pages, Visit visit) {
  if (!is_mapped()) return;
  MutexGuard walk(walk_lock);
  {
    Guard guard(list_lock_);
    walking_ = true;
    next_ = mappings_.front();
  }
  while (true) {
    AddressSpace* space;
    VirtRange range;
    {
      Guard guard(list_lock_);
      if (next_ == nullptr) {
        walking_ = false;
        return;
      }
      // It can't be destroyed meanwhile: its destructor waits for us, once it has left our list.
      space = next_->space;
      range = pages.part_of(*next_);
      next_ = mappings_.next(*next_);
    }
    if (!range.empty()) visit(*space, range);
  }
}

void MemoryObject::unmap_pages(uint64_t first, uint64_t count) {
  ObjectPages pages{*this, first, count};
  for_each_mapping(
      pages, [&](AddressSpace& space, VirtRange range) { space.unmap_object_pages(pages, range); });
}

void MemoryObject::unmap_frame(uint64_t index, FrameNumber frame) {
  ObjectPages page{*this, index, 1};
  for_each_mapping(page, [&](AddressSpace& space, VirtRange range) {
    space.unmap_object_frame(page, range, frame);
  });
}

void MemoryObject::protect_pages(uint64_t first, uint64_t count) {
  ObjectPages pages{*this, first, count};
  for_each_mapping(pages, [&](AddressSpace& space, VirtRange range) {
    space.protect_object_pages(pages, range);
  });
}

bool MemoryObject::take_accessed(uint64_t index, FrameNumber frame) {
  ObjectPages page{*this, index, 1};
  bool accessed = false;
  for_each_mapping(page, [&](AddressSpace& space, VirtRange range) {
    accessed |= space.take_object_accessed(page, range, frame);
  });
  return accessed;
}

void wait_for_mapping_walk() { MutexGuard wait(walk_lock); }

}  // namespace cairn
