// Which blocks and inodes are free, and which to take. Blocks go near the end of their file so far, a
// file's first block and its inode into its directory's group; new directories of the root spread
// over the groups with more free inodes and blocks than the average (Orlov's rule, simplified).
//
// A group's bitmap is metadata: taking and freeing change it in memory, and a commit writes it. But what a
// transaction frees still belongs to what is on the device, until it is committed: only then may a block get
// another content. (An inode may at once: what an inode holds is in the transaction itself.) So a bitmap of
// blocks has a second one beside it, in memory alone, of what is `kept`: a bit there is set when its block is
// taken, and clear again when neither the bitmap nor what was committed last has it set.
//
// The device's last free blocks, from one on, are the journal's (journal.h), and files can't take them. In
// the bitmaps they stay free.
// Source: Poirier, "The Second Extended File System", "Block Bitmap", "Inode Bitmap"; Linux ext2's
// find_group_orlov() for the rule.
#pragma once

#include "ext2/commit.h"
#include "ext2/file_system.h"

namespace cairn::ext2 {

/// The blocks of a group, or its inodes, a bit each.
struct Resource {
  ~Resource();
  uint64_t* words() const { return bitmap.as<uint64_t>(); }
  /// The bits that can't be taken.
  uint64_t* taken() const { return kept != nullptr ? kept : words(); }

  uint32_t bitmap_block = 0;
  uint32_t count = 0;        // bits
  uint32_t first = 0;        // bits below are never free: reserved inodes
  uint32_t end = 0;          // bits from here on are the journal's, or nobody's
  uint32_t free = 0;         // clear bits
  uint32_t available = 0;    // those that can be taken; a guess until the bitmap is read
  uint32_t hint = 0;         // no bit below can be taken
  uint64_t changed_in = 0;   // the last transaction that changed bitmap and descriptor
  MetadataBlock bitmap;      // empty: not read, or let go
  uint64_t* kept = nullptr;  // blocks: beside `bitmap`
  bool waits = false;        // some of `kept` for a commit
};

struct Group {
  Resource blocks, inodes;
  MetadataBlock descriptors;  // the block that has this group's
  uint32_t index = 0;
  uint32_t first_after_copies = 0;  // bit of the first block behind superblock and descriptors
  uint32_t table = 0;               // bit of the first block of the inode table
  uint32_t table_end = 0;           // bit behind its last one
  uint32_t directories = 0;
};

class Allocator {
 public:
  /// Reads the group descriptors. EUCLEAN if they contradict the geometry or each other; counts of what is
  /// free only matter to a mount that writes. EIO, ENOMEM.
  static Result<Allocator*> create(MetadataStore& metadata, const Geometry& geometry,
                                   bool read_only);
  Allocator(MetadataStore& metadata, const Geometry& geometry)
      : metadata_(metadata), geometry_(geometry) {}  // for create()
  ~Allocator();

  /// Whether the file system itself needs a block that exists: superblocks, descriptors, bitmaps, inode
  /// tables. O(1); no locks.
  bool is_system_block(uint64_t block) const;

  // Within an Operation. When what is free can't be taken before a commit, the answer is ENOSPC and
  // needs_commit() says so: the caller ends its operation, commits, and tries again once.
  /// A free block at or near `goal` (0: anywhere in `group`). ENOSPC, EIO, EUCLEAN (a bitmap frees metadata).
  Result<BlockNumber> allocate_block(uint64_t goal, uint32_t group);
  /// A free inode number for a file in the directory at `parent`. ENOSPC, EIO, EUCLEAN.
  Result<InodeNumber> allocate_inode(InodeNumber parent, bool is_directory);
  /// Frees at the next commit. A block that is free already, or isn't a data block, is damage: logged,
  /// ignored.
  void free_block(BlockNumber block) { free_block(block, false); }
  /// Frees what this operation has just allocated and nothing refers to: it can be taken at once.
  void give_back_block(BlockNumber block) { free_block(block, true); }
  void free_inode(InodeNumber inode, bool is_directory);
  bool needs_commit();

  /// Gives free blocks to the journal of commits (journal.h), if the device can have one; the log says
  /// what is promised if not. For a mount that writes, before its first operation. May sleep.
  void open_journal();
  // For CommitClient.
  void committed(BlockNumber block, const uint8_t* content);
  void release();

  struct Space {
    uint64_t free_blocks;
    uint64_t usable_blocks;  // without those that the journal keeps to the end
    uint64_t free_inodes;
  };
  Space space();
  /// The group's descriptor as it is now, for locate_inode() and listings.
  Result<GroupDescriptor> descriptor(uint32_t group);

 private:
  static constexpr uint32_t kNoGroup = UINT32_MAX;
  struct Place {
    uint32_t group;
    uint32_t bit;  // of its bitmap
  };

  // Where things are.
  Group& group(uint32_t index) const { return *groups_[index]; }
  GroupDescriptor& descriptor_of(const Group& of) const {
    const uint32_t offset = of.index * uint32_t(sizeof(GroupDescriptor)) % geometry_.block_size;
    return *of.descriptors.as<GroupDescriptor>(offset);
  }
  /// A group that there is, even if no such inode is.
  uint32_t group_of_inode(InodeNumber inode) const {
    return uint32_t((inode.value - 1) / geometry_.inodes_per_group) % geometry_.group_count;
  }
  uint64_t first_block(uint32_t group) const {
    return geometry_.first_data_block + uint64_t(group) * geometry_.blocks_per_group;
  }
  Place place_of(uint64_t block) const;

  // allocation_groups.cc
  Result<void> prepare(bool read_only);
  Result<void> add_group(uint32_t index, bool read_only);
  bool is_sound(const Group& of, const Resource& resource, const uint64_t* words) const;
  /// Reads the bitmap unless it is there.
  Result<void> load(Group& of, Resource& resource) REQUIRES(lock_);
  void let_go_of_bitmaps() REQUIRES(lock_);

  // allocation_choice.cc: the group for a new inode; kNoGroup: none is left.
  template <class Condition>
  uint32_t find_group(uint64_t start, Condition condition);
  uint32_t group_for_file(InodeNumber parent) REQUIRES(lock_);
  uint32_t group_for_directory(InodeNumber parent) REQUIRES(lock_);

  // allocation.cc
  Result<void> mark_changed(Group& of, Resource& resource) REQUIRES(lock_);
  void count_free(Group& of, Resource& resource, int32_t change) REQUIRES(lock_);
  void count_directory(Group& of, int32_t change) REQUIRES(lock_);
  Result<uint32_t> take_bit(Group& of, Resource& resource, uint32_t goal) REQUIRES(lock_);
  bool free_bit(Group& of, Resource& resource, uint32_t bit, uint64_t number) REQUIRES(lock_);
  void make_available(Resource& resource, uint32_t bit) REQUIRES(lock_);
  void free_block(BlockNumber block, bool at_once);
  void damaged(const char* what, uint64_t number);

  // allocation_commit.cc
  bool hides_blocks() REQUIRES(lock_);
  BlockNumber inode_block() const;
  const char* reason_for_no_journal();
  uint32_t journal_wanted() REQUIRES(lock_);
  std::span<uint32_t> last_free_blocks(std::span<uint32_t> numbers) REQUIRES(lock_);
  void reserve_from(uint64_t block) REQUIRES(lock_);
  Result<void> move_journal(uint32_t wanted) REQUIRES(lock_);

  // Immutable after creation.
  MetadataStore& metadata_;
  const Geometry geometry_;
  Group** groups_ = nullptr;  // what changes in groups and their descriptors is the lock's

  Mutex lock_{"allocation", LockRank::kAllocation};
  uint64_t free_blocks_ GUARDED_BY(lock_) = 0, free_inodes_ GUARDED_BY(lock_) = 0;
  uint64_t directories_ GUARDED_BY(lock_) = 0;
  uint32_t directory_rotor_ GUARDED_BY(lock_) = 0;  // where the last directory of the root went
  uint32_t bitmaps_in_memory_ GUARDED_BY(lock_) = 0;
  uint32_t journal_blocks_ GUARDED_BY(lock_) = 0;
  bool short_of_blocks_ GUARDED_BY(lock_) = false;  // since the last commit a search found none
};

}  // namespace cairn::ext2
