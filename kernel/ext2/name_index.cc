// Open addressing with linear probing: a name is at its hash's slot or in one of those that follow it
// without a gap. Where a name is removed, those behind it that would be beyond a gap move up.
// Source: Knuth, "The Art of Computer Programming", vol. 3, "Hashing", for this its algorithm R.
#include "ext2/name_index.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(index_made_count, "ext2.name_indexes");

namespace {

constexpr uint32_t kMinCapacity = 512;     // a page
constexpr uint32_t kMaxAtFirst = 1 << 19;  // a damaged inode may be of any size
constexpr uint64_t kBytesPerSlot = 16;     // of a directory: an entry with a short name
constexpr uint64_t kMemoryShare = 8;       // all tables take at most an eighth of the memory

std::atomic<uint64_t> pages_in_use;  // by all tables

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
  uint64_t slots = std::bit_ceil(directory_size / kBytesPerSlot);
  return uint32_t(std::clamp<uint64_t>(slots, kMinCapacity, kMaxAtFirst));
}

constexpr uint32_t units(uint64_t position) { return uint32_t(position / 4); }

}  // namespace

NameIndex::Slots::~Slots() {
  for (uint32_t i = 0; i < count_ / kPerPage; i++) heap_free(pages_[i]);
  heap_free(pages_);
  pages_in_use -= reserved_;
}

bool NameIndex::Slots::allocate(uint32_t count) {
  reserved_ = count / kPerPage;
  if ((pages_in_use += reserved_) > total_frame_count() / kMemoryShare) return false;
  pages_ = static_cast<Slot**>(heap_allocate(reserved_ * sizeof(void*)));
  if (pages_ == nullptr) return false;
  for (; count_ < count; count_ += kPerPage) {
    auto* page = static_cast<Slot*>(heap_allocate(kPageSize));
    if (page == nullptr) return false;
    std::fill_n(page, kPerPage, Slot{0, kFree});
    pages_[count_ / kPerPage] = page;
  }
  return true;
}

void NameIndex::Slots::swap(Slots& other) {
  std::swap(pages_, other.pages_);
  std::swap(count_, other.count_);
  std::swap(reserved_, other.reserved_);
}

bool NameIndex::resize(uint32_t capacity) {
  Slots others;
  if (!others.allocate(capacity)) return false;
  slots_.swap(others);
  names_ = 0;
  for (uint32_t i = 0; i < others.count(); i++) {
    if (others[i].where != kFree) put(others[i]);
  }
  return true;
}

void NameIndex::put(Slot slot) {
  uint32_t at = slot.hash & mask();
  while (slots_[at].where != kFree) at = (at + 1) & mask();
  slots_[at] = slot;
  names_++;
}

void NameIndex::insert(std::string_view name, uint64_t position) {
  if (position >= end_) return;
  // At most two thirds full, so that chains stay short.
  if (uint64_t(names_) * 3 >= uint64_t(slots_.count()) * 2 && !resize(slots_.count() * 2)) {
    end_ = position;
    return;
  }
  put({hash_of(name), units(position)});
}

void NameIndex::remove(std::string_view name, uint64_t position) {
  uint32_t hash = hash_of(name), gap = hash & mask();
  while (slots_[gap].hash != hash || slots_[gap].where != units(position)) {
    if (slots_[gap].where == kFree) return;  // behind the end
    gap = (gap + 1) & mask();
  }
  for (uint32_t at = (gap + 1) & mask(); slots_[at].where != kFree; at = (at + 1) & mask()) {
    uint32_t from_home = (at - slots_[at].hash) & mask(), from_gap = (at - gap) & mask();
    if (from_home < from_gap) continue;
    slots_[gap] = slots_[at];
    gap = at;
  }
  slots_[gap].where = kFree;
  names_--;
}

Result<EntryPlace> NameIndex::find(Ext2Inode& directory, std::string_view name) const {
  uint32_t hash = hash_of(name);
  for (uint32_t at = hash & mask(); slots_[at].where != kFree; at = (at + 1) & mask()) {
    if (slots_[at].hash != hash) continue;
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

void NameIndex::insert_all(Ext2Inode& directory) {
  for (EntryPlace place;;) {
    auto found = place ? next_entry(directory, place) : entry_at(directory, 0);
    if (!found.ok()) {
      end_ = std::min(end_, place ? place.position + place.raw().record_length : 0);
    }
    if (!found.ok() || !*found) return;
    place = found.take();
    if (place.raw().inode != 0) insert(place.name(), place.position);
  }
}

NameIndex* NameIndex::make(Ext2Inode& directory) {
  auto* index = new_object<NameIndex>();
  if (index == nullptr) return nullptr;
  for (uint32_t capacity = capacity_for(directory.size.load()); capacity >= kMinCapacity;
       capacity /= 2) {
    if (!index->resize(capacity)) continue;
    index->insert_all(directory);
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
  if (index != nullptr) index->insert(name, position);
}

void note_entry_cleared(Ext2Inode& directory, const EntryPlace& place) {
  NameIndex* index = directory.name_index.load(std::memory_order_relaxed);
  if (index != nullptr) index->remove(place.name(), place.position);
}

}  // namespace cairn::ext2
