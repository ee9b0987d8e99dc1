// Taking and freeing blocks and inodes. Counts are kept in three places that always agree: here, in
// the group's descriptor and in the superblock, both of which are pages in memory.
#include "ext2/allocation.h"

#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation_bits.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(allocation_damage_count, "ext2.allocation_damage");
CAIRN_COUNTER(leaked_count, "ext2.leaked");

// ---- Changes of one bit.

/// Once a transaction for each resource; the superblock belongs to each. Within an operation, which
/// Allocator's callers hold.
Result<void> Allocator::mark_changed(Group& of, Resource& resource) NO_THREAD_SAFETY_ANALYSIS {
  if (resource.changed_in == metadata_.transaction()) return {};
  TRY(metadata_.change(resource.bitmap));
  TRY(metadata_.change(of.descriptors));
  resource.changed_in = metadata_.transaction();
  return {};
}

void Allocator::count_free(Group& of, Resource& resource, int32_t change) {
  resource.free += uint32_t(change);
  if (&resource == &of.blocks) {
    free_blocks_ += uint64_t(int64_t(change));
    descriptor_of(of).free_blocks_count = uint16_t(resource.free);
    metadata_.superblock().free_blocks_count = uint32_t(free_blocks_);
  } else {
    free_inodes_ += uint64_t(int64_t(change));
    descriptor_of(of).free_inodes_count = uint16_t(resource.free);
    metadata_.superblock().free_inodes_count = uint32_t(free_inodes_);
  }
}

void Allocator::count_directory(Group& of, int32_t change) {
  if (change < 0 && of.directories == 0) return;  // a damaged count
  of.directories += uint32_t(change);
  directories_ += uint64_t(int64_t(change));
  descriptor_of(of).used_directories_count = uint16_t(of.directories);
}

/// The first bit that can be taken at or near `goal` (kNoBit: anywhere). ENOMEM; ENOSPC, if counts lie.
Result<uint32_t> Allocator::take_bit(Group& of, Resource& resource, uint32_t goal) {
  const uint64_t* taken = resource.taken();
  const uint32_t start = std::max(resource.first, resource.hint), end = resource.end;
  uint32_t bit = kNoBit;
  if (goal < end) {
    // At the goal or just behind it; else where eight are free, so that files don't interleave; else
    // anywhere behind it.
    const uint32_t near_end = std::min((goal | (kWordBits - 1)) + 1, end);
    bit = find_clear_bit(taken, std::max(goal, start), near_end);
    if (bit == kNoBit && resource.available > resource.count / 16) {
      bit = find_clear_byte(taken, std::max(near_end, start), end);
    }
    if (bit == kNoBit) bit = find_clear_bit(taken, std::max(goal, start), end);
  }
  if (bit == kNoBit) {
    bit = find_clear_bit(taken, start, end);
    if (bit == kNoBit) return Errno::kENOSPC;
    resource.hint = bit;
  }
  TRY(mark_changed(of, resource));
  set_bit(resource.words(), bit);
  if (resource.kept != nullptr) set_bit(resource.kept, bit);
  if (resource.hint == bit) resource.hint = bit + 1;
  resource.available--;
  count_free(of, resource, -1);
  return bit;
}

/// Clears a bit of the bitmap. False, and all as it was, if that is damage or can't be done.
bool Allocator::free_bit(Group& of, Resource& resource, uint32_t bit, uint64_t number) {
  auto ready = load(of, resource);
  if (ready.ok() && !test_bit(resource.words(), bit)) {
    damaged("freed twice", number);
    return false;
  }
  if (ready.ok()) ready = mark_changed(of, resource);
  if (!ready.ok()) {
    // e2fsck gets it back; the error flag makes it look.
    leaked_count.increment();
    log_error("ext2", "{} {} can't be freed: its bitmap can't be changed",
              &resource == &of.blocks ? "block" : "inode", number);
    metadata_.note_errors();
    return false;
  }
  clear_bit(resource.words(), bit);
  count_free(of, resource, 1);
  return true;
}

void Allocator::make_available(Resource& resource, uint32_t bit) {
  if (bit >= resource.end) return;
  resource.available++;
  resource.hint = std::min(resource.hint, bit);
}

void Allocator::damaged(const char* what, uint64_t number) {
  allocation_damage_count.increment();
  log_error("ext2", "damage: {} {}", what, number);
  metadata_.note_errors();
}

// ---- The calls.

Result<BlockNumber> Allocator::allocate_block(uint64_t goal, uint32_t group_index) {
  uint32_t goal_bit = kNoBit;
  if (geometry_.is_data_block(goal)) {
    const Place place = place_of(goal);
    group_index = place.group;
    goal_bit = place.bit;
  }
  MutexGuard guard(lock_);
  for (uint32_t tried = 0; tried < geometry_.group_count; tried++) {
    Group& candidate = group((group_index + tried) % geometry_.group_count);
    if (candidate.blocks.available == 0) continue;
    TRY(load(candidate, candidate.blocks));
    auto bit = take_bit(candidate, candidate.blocks, tried == 0 ? goal_bit : kNoBit);
    if (bit.ok()) return BlockNumber(first_block(candidate.index) + *bit);
    if (bit.error() != Errno::kENOSPC) return bit.error();
  }
  short_of_blocks_ = true;
  return Errno::kENOSPC;
}

Result<InodeNumber> Allocator::allocate_inode(InodeNumber parent, bool is_directory) {
  MutexGuard guard(lock_);
  while (true) {
    const uint32_t chosen = is_directory ? group_for_directory(parent) : group_for_file(parent);
    if (chosen == kNoGroup) return Errno::kENOSPC;
    Group& of = group(chosen);
    TRY(load(of, of.inodes));
    if (of.inodes.available == 0) continue;  // the descriptor's count was wrong
    const uint32_t bit = TRY(take_bit(of, of.inodes, kNoBit));
    if (is_directory) count_directory(of, 1);
    return InodeNumber(uint64_t(chosen) * geometry_.inodes_per_group + bit + 1);
  }
}

void Allocator::free_block(BlockNumber block, bool at_once) {
  if (!geometry_.is_data_block(block.value) || is_system_block(block.value)) {
    return damaged("freed no data block", block.value);
  }
  const Place place = place_of(block.value);
  MutexGuard guard(lock_);
  Group& of = group(place.group);
  if (!free_bit(of, of.blocks, place.bit, block.value)) return;
  of.blocks.waits |= !at_once;
  if (!at_once) return;
  clear_bit(of.blocks.kept, place.bit);
  make_available(of.blocks, place.bit);
}

void Allocator::free_inode(InodeNumber inode, bool is_directory) {
  if (inode.value < geometry_.first_free_inode || inode.value > geometry_.inode_count) {
    return damaged("freed reserved inode", inode.value);
  }
  MutexGuard guard(lock_);
  Group& of = group(group_of_inode(inode));
  const auto bit = uint32_t((inode.value - 1) % geometry_.inodes_per_group);
  if (!free_bit(of, of.inodes, bit, inode.value)) return;
  make_available(of.inodes, bit);
  if (is_directory) count_directory(of, -1);
}

bool Allocator::needs_commit() {
  MutexGuard guard(lock_);
  return hides_blocks();
}

Allocator::Space Allocator::space() {
  MutexGuard guard(lock_);
  const uint64_t journal = std::min(journal_blocks_, MetadataStore::kLeastJournal);
  return {free_blocks_, free_blocks_ - std::min(journal, free_blocks_), free_inodes_};
}

Result<GroupDescriptor> Allocator::descriptor(uint32_t index) {
  if (index >= geometry_.group_count) return Errno::kEUCLEAN;
  return descriptor_of(group(index));
}

}  // namespace cairn::ext2
