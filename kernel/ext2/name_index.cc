// Open addressing with linear probing: a name is at its hash's slot or in one of those that follow it
// without a gap. A removed name leaves a mark, so that the chain behind it isn't cut.
// Source: Knuth, "The Art of Computer Programming", vol. 3, "Hashing".
#include "ext2/name_index.h"

#include <algorithm>

#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(index_made_count, "ext2.name_indexes");

namespace {

constexpr uint32_t kMinCapacity = 512;
constexpr uint32_t kMaxCapacity = 1 << 19;  // 4 MiB, the largest run of frames
constexpr uint64_t kBytesPerSlot = 16;      // of a directory: an entry with a short name

/// Eight bytes at a time: each is multiplied into the hash, whose upper half, where they all count, is
/// folded into the lower. Source: Knuth, vol. 3, "Hashing", for the multiplier, 2^64 by the golden ratio.
uint32_t hash_of(std::string_view name) {
  constexpr uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;
  const char* at = name.data();
  size_t left = name.size();
  uint64_t hash = left;
  for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), at += sizeof(uint64_t)) {
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
  }
  uint64_t word = 0;
  for (; left > 0; left--) word = word << 8 | uint8_t(*at++);
  hash = (hash ^ word) * kMultiplier;
  return uint32_t(hash >> 32);
}

/// Slots for the names of a directory of this size, so that the table needn't grow while it is filled.
uint32_t capacity_for(uint64_t directory_size) {
  uint32_t capacity = kMinCapacity;
  while (capacity < kMaxCapacity && capacity < directory_size / kBytesPerSlot) capacity *= 2;
  return capacity;
}

constexpr uint32_t units(uint64_t position) { return uint32_t(position / 4); }

}  // namespace

NameIndex::~NameIndex() { heap_free(slots_); }

bool NameIndex::resize(uint32_t capacity) {
  auto* slots = static_cast<Slot*>(heap_allocate(capacity * sizeof(Slot)));
  if (slots == nullptr) return false;
  for (uint32_t i = 0; i < capacity; i++) slots[i] = {0, kFree};
  Slot* old = slots_;
  uint32_t old_capacity = capacity_;
  slots_ = slots;
  capacity_ = capacity;
  filled_ = names_ = 0;
  for (uint32_t i = 0; i < old_capacity; i++) {
    if (old[i].where < kRemoved) put(old[i]);
  }
  heap_free(old);
  return true;
}

void NameIndex::put(Slot slot) {
  uint32_t at = slot.hash & mask();
  while (slots_[at].where != kFree) at = (at + 1) & mask();
  slots_[at] = slot;
  filled_++;
  names_++;
}

bool NameIndex::insert(std::string_view name, uint64_t position) {
  if (position >= end_) return true;
  // At most two thirds full, marks included; if most are marks, the same size will do.
  if (uint64_t(filled_) * 3 >= uint64_t(capacity_) * 2) {
    uint32_t wanted = names_ >= capacity_ / 2 ? capacity_ * 2 : capacity_;
    if (wanted > kMaxCapacity) {
      end_ = position;
      return true;
    }
    if (!resize(wanted)) return false;
  }
  put({hash_of(name), units(position)});
  return true;
}

void NameIndex::remove(std::string_view name, uint64_t position) {
  uint32_t hash = hash_of(name);
  for (uint32_t at = hash & mask(); slots_[at].where != kFree; at = (at + 1) & mask()) {
    if (slots_[at].hash != hash || slots_[at].where != units(position)) continue;
    slots_[at].where = kRemoved;
    names_--;
    return;
  }
}

Result<EntryPlace> NameIndex::find(Ext2Inode& directory, std::string_view name) const {
  uint32_t hash = hash_of(name);
  for (uint32_t at = hash & mask(); slots_[at].where != kFree; at = (at + 1) & mask()) {
    if (slots_[at].hash != hash || slots_[at].where == kRemoved) continue;
    EntryPlace place = TRY(entry_at(directory, uint64_t(slots_[at].where) * 4));
    if (place && place.raw().inode != 0 && place.name() == name) return place;
  }
  // An entry that began at the end may be part of another by now; where a block begins, one always does.
  EntryPlace place = TRY(entry_at(directory, align_down(end_, directory.fs().geometry.block_size)));
  while (place && (place.raw().inode == 0 || place.name() != name)) {
    place = TRY(next_entry(directory, place));
  }
  return place ? Result<EntryPlace>(std::move(place)) : Errno::kENOENT;
}

bool NameIndex::insert_all(Ext2Inode& directory) {
  for (EntryPlace place;;) {
    auto found = place ? next_entry(directory, place) : entry_at(directory, 0);
    if (!found.ok()) {
      end_ = std::min(end_, place ? place.position + place.raw().record_length : 0);
    }
    if (!found.ok() || !*found) return true;
    place = found.take();
    if (place.raw().inode != 0 && !insert(place.name(), place.position)) return false;
  }
}

NameIndex* NameIndex::make(Ext2Inode& directory) {
  auto* index = new_object<NameIndex>();
  if (index == nullptr) return nullptr;
  if (index->resize(capacity_for(directory.size.load())) && index->insert_all(directory)) {
    return index;
  }
  delete index;
  return nullptr;
}

Result<EntryPlace> find_name(Ext2Inode& directory, std::string_view name) {
  if (directory.size.load() < NameIndex::kSmallest) return find_entry(directory, name);
  NameIndex* index = directory.name_index.load(std::memory_order_acquire);
  if (index == nullptr) {
    NameIndex* made = NameIndex::make(directory);
    if (made == nullptr) return find_entry(directory, name);
    index_made_count.increment();
    // Others may search the directory, too: the first index stays.
    if (directory.name_index.compare_exchange_strong(index, made)) {
      index = made;
    } else {
      delete made;
    }
  }
  return index->find(directory, name);
}

void note_entry_put(Ext2Inode& directory, std::string_view name, uint64_t position) {
  NameIndex* index = directory.name_index.load(std::memory_order_relaxed);
  if (index == nullptr || index->insert(name, position)) return;
  delete directory.name_index.exchange(nullptr);
}

void note_entry_cleared(Ext2Inode& directory, const EntryPlace& place) {
  NameIndex* index = directory.name_index.load(std::memory_order_relaxed);
  if (index != nullptr) index->remove(place.name(), place.position);
}

}  // namespace cairn::ext2
