// Which blocks and inodes are free, and which to take. Blocks go near the end of their file so far, a
// file's first block and its inode into its directory's group; new directories of the root spread
// over the groups with more free inodes and blocks than the average (Orlov's rule, simplified).
// A group that is full is left at once: its free count says so, without looking at its bitmap.
// Source: Poirier, "The Second Extended File System", "Block Bitmap", "Inode Bitmap"; Linux ext2's
// find_group_orlov() for the rule.
#pragma once

#include "ext2/commit.h"

namespace cairn::ext2 {

class Allocator {
 public:
  /// Reads the group descriptors. EUCLEAN if they contradict the geometry. EIO, ENOMEM.
  static Result<Allocator*> create(MetadataStore& metadata, const Geometry& geometry);
  ~Allocator();

  // Within an Operation. What a transaction frees is taken only after its commit, and what is set aside
  // for the journal last of all; when only such is left, the answer is ENOSPC and needs_commit() says
  // that a commit would help: the caller ends its operation, commits, and tries again once.
  /// A free block at or near `goal` (0: anywhere in `group`). ENOSPC, EIO, EUCLEAN (a bitmap frees metadata).
  Result<BlockNumber> allocate_block(uint64_t goal, uint32_t group);
  /// A free inode number for a file in the directory at `parent`. ENOSPC.
  Result<InodeNumber> allocate_inode(InodeNumber parent, bool is_directory);
  /// Frees at the next commit. A block that is free already, or isn't a data block, is damage: logged,
  /// ignored.
  void free_block(BlockNumber block);
  void free_inode(InodeNumber inode, bool is_directory);
  /// Takes back what this operation has just allocated and nothing refers to: free at once.
  void give_back_block(BlockNumber block);
  void give_back_inode(InodeNumber inode, bool is_directory);
  bool needs_commit();

  /// Sets free blocks aside for the journal of commits (journal.h), if the device can have one; the log says
  /// what is promised if not. For a mount that writes, before its first operation. May sleep.
  void open_journal();
  // For CommitClient.
  void seal();
  void release_freed();

  uint64_t free_blocks();
  /// Without those that the journal keeps to the end.
  uint64_t usable_blocks();
  uint64_t free_inodes();
  /// The group's descriptor as it is now, for locate_inode() and listings.
  Result<GroupDescriptor> descriptor(uint32_t group);
  /// Writes the state into the superblock: clean or in use (mounted for writing).
  Result<void> mark_state(bool clean);
  void mark_errors();
  /// Sets the large_file feature. Within an Operation.
  void mark_large_file();

 private:
  struct State;
  State& state_;
  explicit Allocator(State& state) : state_(state) {}
};

}  // namespace cairn::ext2
