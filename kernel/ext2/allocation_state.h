// Private to allocation*.cc.
#pragma once

#include "ext2/allocation.h"
#include "ext2/allocation_bits.h"
#include "sched/mutex.h"

namespace cairn::ext2 {

struct Group;

/// Sums over all groups.
struct Totals {
  uint64_t free = 0;
  uint64_t held = 0;
};

/// What is free in one group and yet can't be taken: bits that are set.
struct Held {
  Held* next = nullptr;  // of the same reason
  struct Resource* owner = nullptr;
  Totals* total = nullptr;
  uint32_t count = 0;
  uint64_t* words() { return reinterpret_cast<uint64_t*>(this + 1); }
  inline void add(uint32_t bit);
  inline void remove(uint32_t bit);
};
/// Freed in the running transaction; in the one that is being committed; set aside for the journal.
enum Reason : unsigned { kCurrent, kSealed, kSetAside, kReasons };

/// The blocks of a group, or its inodes.
struct Resource {
  uint32_t bitmap_block = 0;
  uint32_t count = 0;  // bits
  uint32_t first = 0;  // bits below are never free: reserved inodes
  uint32_t free = 0;   // clear bits, those held included
  uint32_t held = 0;
  uint32_t hint = 0;       // no bit below can be taken
  uint64_t marked_in = 0;  // the transaction in which bitmap and descriptor are known as changed
  MetadataBlock bitmap;    // empty: not read, or let go
  Held* holds[kReasons] = {};
  bool all_held[2] = {};  // by kCurrent, kSealed: there was no memory to note which

  uint32_t available() const { return all_held[kCurrent] || all_held[kSealed] ? 0 : free - held; }
  uint64_t* words() const { return bitmap.as<uint64_t>(); }
  BitmapView view() const {
    BitmapView view{words(), {}};
    for (unsigned i = 0; i < kReasons; i++) {
      if (holds[i] != nullptr) view.held[i] = holds[i]->words();
    }
    return view;
  }
};

void Held::add(uint32_t bit) {
  set_bit(words(), bit);
  count++;
  total->held++;
  owner->held++;
}
void Held::remove(uint32_t bit) {
  clear_bit(words(), bit);
  count--;
  total->held--;
  owner->held--;
}

struct Group {
  Resource blocks, inodes;
  uint32_t index = 0;
  uint32_t table = 0;  // first block of the inode table
  uint32_t table_blocks = 0;
  uint32_t directories = 0;
};

struct Allocator::State {
  State(MetadataStore& metadata, const Geometry& geometry)
      : metadata(metadata),
        geometry(geometry),
        groups_per_chunk(geometry.block_size / uint32_t(sizeof(GroupDescriptor))) {}
  ~State();

  // Immutable after creation.
  MetadataStore& metadata;
  const Geometry geometry;
  const uint32_t groups_per_chunk;
  uint32_t chunk_count = 0;
  MetadataBlock superblock_block;
  bool clean_when_mounted = false;
  std::atomic<bool> errors_found{false};
  std::atomic<bool> writing{false};  // marked as in use

  Mutex lock{"allocation", LockRank::kAllocation};
  /// A chunk is a block of descriptors and the groups in it.
  struct Chunk {
    MetadataBlock descriptors;
    Group* groups = nullptr;
  };
  Chunk* chunks GUARDED_BY(lock) = nullptr;
  Totals blocks GUARDED_BY(lock), inodes GUARDED_BY(lock);
  uint64_t directories GUARDED_BY(lock) = 0;
  uint32_t directory_rotor GUARDED_BY(lock) = 0;  // where the last directory of the root went
  uint32_t bitmaps_in_memory GUARDED_BY(lock) = 0;
  Held* held_list[kReasons] GUARDED_BY(lock) = {};
  bool some_all_held GUARDED_BY(lock) = false;
  uint32_t set_aside GUARDED_BY(lock) = 0;        // blocks
  bool short_of_blocks GUARDED_BY(lock) = false;  // the last search found none

  Superblock& superblock() const {
    return *superblock_block.as<Superblock>(kSuperblockOffset % geometry.block_size);
  }
  Group& group(uint32_t index) REQUIRES(lock) {
    return chunks[index / groups_per_chunk].groups[index % groups_per_chunk];
  }
  GroupDescriptor& descriptor(uint32_t index) NO_THREAD_SAFETY_ANALYSIS {
    Chunk& chunk = chunks[index / groups_per_chunk];
    return chunk.descriptors.as<GroupDescriptor>()[index % groups_per_chunk];
  }
  Totals& totals(Group& of, const Resource& resource) REQUIRES(lock) {
    return &resource == &of.blocks ? blocks : inodes;
  }

  // allocation_groups.cc
  Result<void> prepare();
  Result<void> add_group(uint32_t index) REQUIRES(lock);
  uint32_t descriptor_blocks() const;
  uint64_t first_block(uint32_t index) const;
  struct BlockPlace {
    uint32_t group;
    uint32_t bit;  // of the group's bitmap
  };
  BlockPlace place_of(uint64_t block) const;
  bool is_system_block(const Group& of, uint32_t bit) const;
  bool bitmap_is_sound(const Group& of, const Resource& resource, const uint64_t* words) const;
  /// Reads the bitmap; takes the lock itself.
  Result<void> load_bitmap(Group& of, Resource& resource) EXCLUDES(lock);
  void correct_count(Group& of, Resource& resource) REQUIRES(lock);
  void let_go_of_bitmaps() REQUIRES(lock);

  // allocation_choice.cc
  /// The groups in the order in which they are tried; kNoGroup: none is left.
  uint32_t group_for_file(uint32_t parent, uint64_t salt) REQUIRES(lock);
  uint32_t group_for_root_directory() REQUIRES(lock);
  uint32_t group_for_directory(uint32_t parent) REQUIRES(lock);
  uint32_t any_group(uint32_t first, bool with_blocks) REQUIRES(lock);

  // allocation.cc
  Result<void> mark_changed(Group& of, Resource& resource) REQUIRES(lock);
  void count_free(Group& of, Resource& resource, int32_t change) REQUIRES(lock);
  void count_directory(Group& of, int32_t change) REQUIRES(lock);
  Result<uint32_t> take_bit(Group& of, Resource& resource, uint32_t goal) REQUIRES(lock);
  Held* held_in(Group& of, Resource& resource, Reason reason) REQUIRES(lock);
  void hold(Group& of, Resource& resource, uint32_t bit) REQUIRES(lock);
  bool free_bit(Group& of, Resource& resource, uint32_t bit, const char* what, uint64_t number);
  void give_back_bit(Group& of, Resource& resource, uint32_t bit, bool is_directory);
  void damaged(const char* what, uint64_t number);

  // allocation_commit.cc
  void note_errors();
  void let_go(Reason reason) REQUIRES(lock);
  void let_go_of_all_held() REQUIRES(lock);
  BlockNumber inode_block();
  const char* reason_for_no_journal();
  uint32_t set_blocks_aside(std::span<uint32_t> numbers);
  uint32_t journal_wanted();
  void make_journal(uint32_t wanted, const char* reason);
  void fit_journal();
};

inline constexpr uint32_t kNoGroup = UINT32_MAX;

}  // namespace cairn::ext2
