// Taking and freeing blocks and inodes. Counts are kept in three places that always agree: here, in
// the group's descriptor and in the superblock, both of which are pages in memory.
#include "ext2/allocation.h"

#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation_state.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(allocation_damage_count, "ext2.allocation_damage");
CAIRN_COUNTER(leaked_count, "ext2.leaked");

Result<Allocator*> Allocator::create(MetadataStore& metadata, const Geometry& geometry) {
  auto* state = new_object<State>(metadata, geometry);
  if (state == nullptr) return Errno::kENOMEM;
  auto prepared = state->prepare();
  void* memory = prepared.ok() ? heap_allocate(sizeof(Allocator)) : nullptr;
  if (memory == nullptr) {
    delete state;
    return prepared.ok() ? Errno::kENOMEM : prepared.error();
  }
  return new (memory) Allocator(*state);
}

Allocator::~Allocator() { delete &state_; }

// ---- Changes of one bit.

/// Once a transaction for each resource; the superblock belongs to each. Within an operation, which
/// Allocator's callers hold.
Result<void> Allocator::State::mark_changed(Group& of,
                                            Resource& resource) NO_THREAD_SAFETY_ANALYSIS {
  if (resource.marked_in == metadata.transaction()) return {};
  TRY(metadata.change(resource.bitmap));
  TRY(metadata.change(chunks[of.index / groups_per_chunk].descriptors));
  resource.marked_in = metadata.transaction();
  return {};
}

void Allocator::State::count_free(Group& of, Resource& resource, int32_t change) {
  Totals& total = totals(of, resource);
  resource.free += uint32_t(change);
  total.free += uint64_t(int64_t(change));
  GroupDescriptor& on_disk = descriptor(of.index);
  if (&resource == &of.blocks) {
    on_disk.free_blocks_count = uint16_t(resource.free);
    superblock().free_blocks_count = uint32_t(total.free);
  } else {
    on_disk.free_inodes_count = uint16_t(resource.free);
    superblock().free_inodes_count = uint32_t(total.free);
  }
}

void Allocator::State::count_directory(Group& of, int32_t change) {
  if (change < 0 && of.directories == 0) return;  // a damaged count
  of.directories += uint32_t(change);
  directories += uint64_t(int64_t(change));
  descriptor(of.index).used_directories_count = uint16_t(of.directories);
}

/// The first bit that can be taken at or near `goal` (kNoBit: anywhere). ENOMEM; ENOSPC, if counts lie.
Result<uint32_t> Allocator::State::take_bit(Group& of, Resource& resource, uint32_t goal) {
  BitmapView view = resource.view();
  uint32_t start = std::max(resource.first, resource.hint);
  uint32_t bit = kNoBit;
  if (goal != kNoBit && goal < resource.count) {
    // At the goal or just behind it; else where eight are free, so that files don't interleave; else
    // anywhere behind it.
    uint32_t near_end = std::min((goal | (kWordBits - 1)) + 1, resource.count);
    bit = find_clear_bit(view, std::max(goal, start), near_end);
    if (bit == kNoBit && resource.available() > resource.count / 16) {
      bit = find_clear_byte(view, std::max(near_end, start), resource.count);
    }
    if (bit == kNoBit) bit = find_clear_bit(view, std::max(goal, start), resource.count);
  }
  if (bit == kNoBit) {
    bit = find_clear_bit(view, start, resource.count);
    if (bit == kNoBit) return Errno::kENOSPC;
    resource.hint = bit;
  }
  TRY(mark_changed(of, resource));
  set_bit(resource.words(), bit);
  if (resource.hint == bit) resource.hint = bit + 1;
  count_free(of, resource, -1);
  return bit;
}

/// Where bits of the group are noted that can't be taken for this reason; null: no memory.
Held* Allocator::State::held_in(Group& of, Resource& resource, Reason reason) {
  Held*& held = resource.holds[reason];
  if (held != nullptr) return held;
  const size_t bytes = align_up(resource.count, kWordBits) / 8;
  void* memory = heap_allocate(sizeof(Held) + bytes);
  if (memory == nullptr) return nullptr;
  held = new (memory) Held;
  memset(held->words(), 0, bytes);
  held->owner = &resource;
  held->total = &totals(of, resource);
  held->next = std::exchange(held_list[reason], held);
  return held;
}

/// Notes that a free bit can't be taken before the commit.
void Allocator::State::hold(Group& of, Resource& resource, uint32_t bit) {
  Held* held = held_in(of, resource, kCurrent);
  if (held != nullptr) return held->add(bit);
  resource.all_held[kCurrent] = some_all_held = true;
}

/// Frees what `bit` stands for, at the next commit. False, and all as it was, if it is free already.
bool Allocator::State::free_bit(Group& of, Resource& resource, uint32_t bit, const char* what,
                                uint64_t number) NO_THREAD_SAFETY_ANALYSIS {
  while (true) {
    {
      MutexGuard guard(lock);
      if (resource.bitmap) {
        if (!test_bit(resource.words(), bit)) {
          damaged("freed twice", number);
          return false;
        }
        auto marked = mark_changed(of, resource);
        if (!marked.ok()) break;
        hold(of, resource, bit);
        clear_bit(resource.words(), bit);
        count_free(of, resource, 1);
        return true;
      }
    }
    if (!load_bitmap(of, resource).ok()) break;
  }
  // e2fsck gets it back; the error flag makes it look.
  leaked_count.increment();
  log_error("ext2", "{} {} can't be freed: its bitmap can't be changed", what, number);
  note_errors();
  return false;
}

/// What was taken in this operation: its bitmap is one of the transaction's blocks, so reading it can't
/// fail.
void Allocator::State::give_back_bit(Group& of, Resource& resource, uint32_t bit,
                                     bool is_directory) NO_THREAD_SAFETY_ANALYSIS {
  while (true) {
    {
      MutexGuard guard(lock);
      if (resource.bitmap) {
        ASSERT(test_bit(resource.words(), bit));
        clear_bit(resource.words(), bit);
        resource.hint = std::min(resource.hint, bit);
        count_free(of, resource, 1);
        if (is_directory) count_directory(of, -1);
        return;
      }
    }
    if (!load_bitmap(of, resource).ok()) return note_errors();
  }
}

void Allocator::State::damaged(const char* what, uint64_t number) {
  allocation_damage_count.increment();
  log_error("ext2", "damage: {} {}", what, number);
  note_errors();
}

// ---- The calls.

Result<BlockNumber> Allocator::allocate_block(uint64_t goal, uint32_t group) {
  State& s = state_;
  const Geometry& geometry = s.geometry;
  uint32_t goal_bit = kNoBit;
  if (geometry.is_data_block(goal)) {
    auto place = s.place_of(goal);
    group = place.group;
    goal_bit = place.bit;
  }
  group = group < geometry.group_count ? group : 0;
  while (true) {
    Group* unread = nullptr;
    {
      MutexGuard guard(s.lock);
      s.short_of_blocks = s.blocks.free <= s.blocks.held;
      if (s.short_of_blocks) return Errno::kENOSPC;
      uint32_t tried = 0;
      for (; tried < geometry.group_count && unread == nullptr; tried++) {
        Group& candidate = s.group((group + tried) % geometry.group_count);
        if (candidate.blocks.available() == 0) continue;
        if (!candidate.blocks.bitmap) {
          unread = &candidate;
          continue;
        }
        auto bit = s.take_bit(candidate, candidate.blocks, tried == 0 ? goal_bit : kNoBit);
        if (bit.ok()) {
          return BlockNumber(s.first_block(candidate.index) + *bit);
        }
        if (bit.error() != Errno::kENOSPC) return bit.error();
      }
      if (unread == nullptr) return Errno::kENOSPC;
    }
    TRY(s.load_bitmap(*unread, unread->blocks));
  }
}

Result<InodeNumber> Allocator::allocate_inode(InodeNumber parent, bool is_directory) {
  State& s = state_;
  uint32_t parent_group = uint32_t((parent.value - 1) / s.geometry.inodes_per_group);
  parent_group = parent_group < s.geometry.group_count ? parent_group : 0;
  while (true) {
    Group* group = nullptr;
    {
      MutexGuard guard(s.lock);
      uint32_t chosen = kNoGroup;
      if (s.inodes.free > s.inodes.held) {
        chosen = !is_directory                ? s.group_for_file(parent_group, parent.value)
                 : parent.value == kRootInode ? s.group_for_root_directory()
                                              : s.group_for_directory(parent_group);
      }
      if (chosen == kNoGroup) return Errno::kENOSPC;
      group = &s.group(chosen);
      if (group->inodes.bitmap) {
        uint32_t bit = TRY(s.take_bit(*group, group->inodes, kNoBit));
        if (is_directory) s.count_directory(*group, 1);
        if (is_directory && parent.value == kRootInode) s.directory_rotor = chosen;
        return InodeNumber(uint64_t(chosen) * s.geometry.inodes_per_group + bit + 1);
      }
    }
    TRY(s.load_bitmap(*group, group->inodes));
  }
}

void Allocator::free_block(BlockNumber block) NO_THREAD_SAFETY_ANALYSIS {
  State& s = state_;
  if (!s.geometry.is_data_block(block.value)) return s.damaged("freed no data block", block.value);
  const auto [index, bit] = s.place_of(block.value);
  Group& group = s.group(index);
  if (s.is_system_block(group, bit)) return s.damaged("freed metadata block", block.value);
  (void)s.free_bit(group, group.blocks, bit, "block", block.value);
}

void Allocator::free_inode(InodeNumber inode, bool is_directory) NO_THREAD_SAFETY_ANALYSIS {
  State& s = state_;
  if (inode.value < s.geometry.first_free_inode || inode.value > s.geometry.inode_count) {
    return s.damaged("freed reserved inode", inode.value);
  }
  Group& group = s.group(uint32_t((inode.value - 1) / s.geometry.inodes_per_group));
  auto bit = uint32_t((inode.value - 1) % s.geometry.inodes_per_group);
  bool freed = s.free_bit(group, group.inodes, bit, "inode", inode.value);
  if (!freed || !is_directory) return;
  MutexGuard guard(s.lock);
  s.count_directory(group, -1);
}

void Allocator::give_back_block(BlockNumber block) NO_THREAD_SAFETY_ANALYSIS {
  State& s = state_;
  const auto [index, bit] = s.place_of(block.value);
  Group& group = s.group(index);
  s.give_back_bit(group, group.blocks, bit, false);
}

void Allocator::give_back_inode(InodeNumber inode, bool is_directory) NO_THREAD_SAFETY_ANALYSIS {
  State& s = state_;
  uint64_t at = inode.value - 1;
  Group& group = s.group(uint32_t(at / s.geometry.inodes_per_group));
  s.give_back_bit(group, group.inodes, uint32_t(at % s.geometry.inodes_per_group), is_directory);
}

bool Allocator::needs_commit() {
  MutexGuard guard(state_.lock);
  return state_.held_list[kCurrent] != nullptr || state_.held_list[kSealed] != nullptr ||
         state_.some_all_held || state_.set_aside > state_.metadata.least_journal();
}

uint64_t Allocator::free_blocks() {
  MutexGuard guard(state_.lock);
  return state_.blocks.free;
}

uint64_t Allocator::usable_blocks() {
  MutexGuard guard(state_.lock);
  const uint64_t kept = std::min<uint64_t>(state_.set_aside, state_.metadata.least_journal());
  return state_.blocks.free - std::min(kept, state_.blocks.free);
}

uint64_t Allocator::free_inodes() {
  MutexGuard guard(state_.lock);
  return state_.inodes.free;
}

Result<GroupDescriptor> Allocator::descriptor(uint32_t group) {
  if (group >= state_.geometry.group_count) return Errno::kEUCLEAN;
  return state_.descriptor(group);
}

}  // namespace cairn::ext2
