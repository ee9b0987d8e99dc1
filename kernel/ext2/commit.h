// Metadata of a mounted ext2: its blocks in memory, and the order in which changes reach the device.
//
// ext2 has no journal. What `e2fsck -p` repairs by itself after a power cut is wrong counts and
// bitmaps, entries that name unused inodes, and inodes marked deleted; what it doesn't is a live
// inode without a name, a directory with two names, a block with two owners, a pointer to rubbish.
// So changes collect in an *epoch*, and a *commit* writes one epoch in steps, each complete on the
// device before the next begins:
//
//   1 new     blocks that nothing on the device refers to yet: file data, pointer blocks, blocks of
//             directories
//   2 names   directory blocks with the names that the epoch added (names that it removes stay)
//   3 inodes  inode tables, pointer blocks that were there before, bitmaps, descriptors, superblock.
//             If directories grew, first with the new inodes still marked deleted, then as they are:
//             a live inode never lacks a name that can be found
//   4 names   directory blocks as they are: replaced and removed names are gone
//
// A step writes a block as it is with every *later* change undone: whoever removes a name or makes
// an inode notes the old value and the step at which the new one takes effect (write_later()).
// What an epoch frees (blocks, inodes, entry slots) can be used again only after its commit, so no
// block has two owners on the device at any time.
//
// An operation (create, write, …) runs within one epoch: it holds an Operation. A commit waits for
// the running ones, copies the changed blocks aside, lets operations go on in the next epoch, and
// writes; so nobody waits for its I/O but those who asked for it (sync, fsync).
// Source: McKusick and Ganger, "Soft Updates: A Technique for Eliminating Most Synchronous Writes in
// the Fast Filesystem" (1999), for the rules; the steps and the undo by old value are ours.
#pragma once

#include "ext2/file_system.h"

namespace cairn::ext2 {

/// A block of metadata, pinned in the page cache.
class MetadataBlock {
 public:
  MetadataBlock() = default;
  MetadataBlock(PageRef page, uint32_t offset, BlockNumber number)
      : page_(std::move(page)), offset_(offset), number_(number) {}
  explicit operator bool() const { return bool(page_); }
  uint8_t* data() const { return page_->data() + offset_; }
  template <class T>
  T* as(uint32_t offset = 0) const {
    return reinterpret_cast<T*>(data() + offset);
  }
  BlockNumber number() const { return number_; }

 private:
  PageRef page_;
  uint32_t offset_ = 0;  // bytes in the page
  BlockNumber number_{};
};

/// What a block is: decides the step that writes it.
enum class BlockKind : uint8_t {
  kNew,        // nothing on the device refers to it before this epoch's commit
  kDirectory,  // entries
  kInodes,     // inode table, pointer block, bitmap, descriptors, superblock
};

/// When a noted change takes effect.
enum class Step : uint8_t {
  kLiveInodes,  // the second half of step 3
  kReplace,     // step 4, before removals: a name that now means another file
  kRemove,      // step 4
};

class MetadataStore {
 public:
  static Result<MetadataStore*> create(BlockDevice& device, uint32_t block_size,
                                       uint64_t block_count);
  ~MetadataStore();

  /// A block's content; read if it isn't in memory. EIO; EUCLEAN beyond the device. May sleep.
  Result<MetadataBlock> read(BlockNumber number);
  /// A block that was just allocated: zeros, changed, kNew. ENOMEM.
  Result<MetadataBlock> create_block(BlockNumber number) REQUIRES_SHARED(epoch_lock);

  // ---- Within an Operation.
  /// The block was changed (or is about to be, before the operation ends). Until the commit a kNew
  /// block stays kNew. ENOMEM before anything is changed: so call it first.
  Result<void> change(const MetadataBlock& block, BlockKind kind) REQUIRES_SHARED(epoch_lock);
  /// Until `step`, the `size` (2 or 4) bytes at `offset` are written as `value_until`. A second note for
  /// the same bytes keeps the older value and the later step. ENOMEM.
  Result<void> write_later(const MetadataBlock& block, uint32_t offset, uint32_t size,
                           uint32_t value_until, Step step) REQUIRES_SHARED(epoch_lock);
  /// Whether there is such a note for these bytes in this epoch: the slot can't be used again yet.
  bool is_held(const MetadataBlock& block, uint32_t offset) REQUIRES_SHARED(epoch_lock);
  /// A directory has a new block.
  void directory_grew() REQUIRES_SHARED(epoch_lock);
  /// The block is no longer metadata (it is being freed): its changes are not written.
  void forget(BlockNumber number) REQUIRES_SHARED(epoch_lock);

  /// Data that must be on the device before step 2: calls write_back() for all inodes that are dirty.
  /// Set by the file system.
  void set_data_writer(Result<void> (*write)(void* context), void* context);
  /// Called when a commit is complete on the device: frees what the epoch freed.
  void set_release(void (*release)(void* context), void* context);

  /// Commits everything done so far, and waits. With nothing to do it is cheap. The first error; what
  /// could not be written stays changed and is tried again. EIO. No locks held; not within an operation.
  Result<void> commit();
  bool has_changes();

  SharedMutex epoch_lock{"epoch", LockRank::kEpoch};

 private:
  struct State;
  State& state_;
  explicit MetadataStore(State& state) : state_(state) {}
};

/// Holds the current epoch open for an operation. Taken inside Inode::lock, outside map locks; commit()
/// must not be called while one is held.
class SCOPED_CAPABILITY Operation {
 public:
  explicit Operation(MetadataStore& store) ACQUIRE_SHARED(store.epoch_lock) : store_(store) {
    store_.epoch_lock.lock_shared();
  }
  ~Operation() RELEASE() { store_.epoch_lock.unlock_shared(); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  MetadataStore& store_;
};

}  // namespace cairn::ext2
