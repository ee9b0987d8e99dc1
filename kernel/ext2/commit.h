// Metadata of a mounted ext2: its blocks in memory, and the order in which changes reach the device.
//
// ext2 has no journal. What `e2fsck -p` repairs by itself after a power cut is wrong counts and
// bitmaps, entries that name unused inodes, and inodes marked deleted; what it doesn't is a live
// inode without a name, a directory with two names, a block with two owners, a pointer to rubbish.
// So changes collect in an *epoch*, and a *commit* writes one epoch in steps, each complete on the
// device before the next begins:
//
//   1 new     blocks that nothing on the device refers to yet: file data, pointer blocks, blocks of
//             directories; and directory blocks with the names that the epoch added (names that it
//             removes stay)
//   2 inodes  inode tables, pointer blocks that were there before, bitmaps, descriptors, superblock.
//             New inodes whose name lies in a directory, or a block of one, that is new too are still
//             written as deleted
//   3 births  those inodes, level by level: a directory before the files in it
//   4 names   replaced: names that now mean another file
//   5 deaths  inodes that must not go before all new names can be found: removed directories, files
//             whose only name was replaced by one from the same block
//   6 names   directory blocks as they are: removed names are gone
//
// Most commits have only steps 1 and 2, or 1, 2 and 6: a step without blocks costs nothing. No order is
// safe for what goes to another block if it is a directory or replaces a file: commit_journal.cc.
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

/// Where an entry of a directory begins.
struct EntryField {
  MetadataBlock block;
  uint32_t offset = 0;  // bytes in the block
};

/// What a block is: decides the step that writes it.
enum class BlockKind : uint8_t {
  kNew,        // nothing on the device refers to it before this epoch's commit
  kDirectory,  // entries
  kInodes,     // inode table, pointer block, bitmap, descriptors, superblock
};

/// When a noted change takes effect.
enum class Step : uint8_t {
  kReplace,  // step 4
  kDeaths,   // step 5: removed directories
  kVictims,  // step 5: replaced files
  kRemove,   // step 6
};

/// What clang's analysis of locks calls being within an Operation: one name for the epochs of all
/// mounted file systems, so that functions which are given inodes can ask for it.
struct CAPABILITY("operation") RunningOperation {};
inline constinit RunningOperation running_operation;

class MetadataStore {
 public:
  static Result<MetadataStore*> create(BlockDevice& device, uint32_t block_size,
                                       uint64_t block_count);
  ~MetadataStore();

  /// A block's content; read if it isn't in memory. EIO; EUCLEAN beyond the device. May sleep.
  Result<MetadataBlock> read(BlockNumber number);
  /// A block that was just allocated: zeros, changed, kNew. ENOMEM.
  Result<MetadataBlock> create_block(BlockNumber number) REQUIRES_SHARED(running_operation);

  // ---- Within an Operation.
  /// The block was changed (or is about to be, before the operation ends). Until the commit a kNew
  /// block stays kNew. ENOMEM before anything is changed: so call it first.
  Result<void> change(const MetadataBlock& block, BlockKind kind)
      REQUIRES_SHARED(running_operation);
  /// Until `step`, the `size` (2 or 4) bytes at `offset` are written as `value_until`. A second note for
  /// the same bytes keeps the older value and the later step. Counts as a change of just these bytes:
  /// a block without a change() is not written before `step`. Notes of 4 bytes for kReplace are
  /// entries' inodes: the type beside is noted with them. ENOMEM. Before the bytes are changed.
  Result<void> write_later(const MetadataBlock& block, uint32_t offset, uint32_t size,
                           uint32_t value_until, Step step) REQUIRES_SHARED(running_operation);
  /// Whether there is such a note for these bytes, in this epoch or the one being committed: the slot
  /// can't be used again yet.
  bool is_held(const MetadataBlock& block, uint32_t offset) REQUIRES_SHARED(running_operation);
  /// The `size` (at most 128) bytes at `offset` are written as they are now until `step`: the inode of a
  /// directory that is being removed (kDeaths), of the victim of replace_in_block() (kVictims). Before
  /// the bytes are changed. Otherwise like write_later(). ENOMEM.
  Result<void> freeze(const MetadataBlock& block, uint32_t offset, uint32_t size, Step step)
      REQUIRES_SHARED(running_operation);
  /// A rename over another file's name where both entries lie in one block, at these offsets: before
  /// they are changed to "target has source's inode, source has none". Both names change in one write,
  /// and until the victim is deleted it has the source's name, so that one of the two files has the
  /// target's name at any time. ENOMEM.
  Result<void> replace_in_block(const MetadataBlock& block, uint32_t target, uint32_t source)
      REQUIRES_SHARED(running_operation);
  /// A directory's name goes from one entry to another, which until now had `replaced` (0: nothing);
  /// `dot_dot` is where its ".." lies if that changes, else empty. Before they are changed. ENOMEM.
  Result<void> directory_moved(InodeNumber directory, InodeNumber replaced, const EntryField& to,
                               const EntryField& from, const EntryField& dot_dot)
      REQUIRES_SHARED(running_operation);

  /// An inode was made in this epoch, with its only name in `parent`; its links_count lies at `offset`.
  /// Where that name can't be found before the epoch's own changes are on the device, it is written as
  /// deleted until it can. ENOMEM.
  Result<void> inode_made(const MetadataBlock& block, uint32_t offset, InodeNumber inode,
                          InodeNumber parent) REQUIRES_SHARED(running_operation);
  /// An inode, maybe made in this epoch, was moved to the directory `parent`; 0: it lost a name and has
  /// others left.
  void inode_moved(InodeNumber inode, InodeNumber parent) REQUIRES_SHARED(running_operation);
  /// Whether the inode was made in this epoch. If it goes in the same epoch, or gets another name that
  /// replaces none, the name it loses needs no note.
  bool is_new(InodeNumber inode) REQUIRES_SHARED(running_operation);
  /// A directory has a new block: names in it can be found once its inode is written. ENOMEM, before
  /// anything is changed.
  Result<void> directory_grew(InodeNumber directory) REQUIRES_SHARED(running_operation);
  /// This epoch reaches the device as a whole if its commit finds free blocks for a journal (see
  /// Allocator::prepare_to_lend(); other operations may have taken them since, or have made the epoch so
  /// large that it needs more), memory for their numbers if they are many, and no journal on the device
  /// already. Else in steps, which is counted: ext2.commits_without_journal. EIO, ENOMEM.
  Result<void> write_as_a_whole() REQUIRES_SHARED(running_operation);
  /// The block is no longer metadata: it is freed. Changes of a block of pointers that was there before
  /// are not written; others are: until the inode is deleted, it must not lead to what lay in a new
  /// block before, and a directory's names may be the only ones of files that were moved elsewhere.
  void retire(BlockNumber number) REQUIRES_SHARED(running_operation);
  /// The same for a block that is given back to the allocator (give_back_block()): none is written.
  void forget(BlockNumber number) REQUIRES_SHARED(running_operation);

  /// Data that must be on the device before step 2: calls write_back() for all inodes that are dirty.
  /// Set by the file system. Called by commit(), whose caller may hold inodes' locks: it takes none of
  /// them. Its error is commit()'s, but the metadata is written nevertheless.
  void set_data_writer(Result<void> (*write)(void* context), void* context);
  /// Called at the end of an epoch, with no operation running: what belongs to it is put aside, and last
  /// changes may be made. Set by the allocator.
  void set_seal(void (*seal)(void* context), void* context);
  /// Called when a commit is complete on the device: frees what its epoch freed. Set by the allocator.
  void set_release(void (*release)(void* context), void* context);

  /// lend() sets aside, until release(), as many free blocks as `blocks` has room for; false if there
  /// aren't. `journal_inode_block` holds inode 8. Set by the allocator unless the device has a journal.
  void set_lender(bool (*lend)(void* context, std::span<uint32_t> blocks), void* context,
                  BlockNumber journal_inode_block);

  /// Commits everything done so far, and waits. With nothing to do it is cheap. The first error; what
  /// could not be written stays changed and is tried again. EIO. Inodes' locks may be held (a full device
  /// is tidied up in the middle of a create), nothing below; not within an operation.
  Result<void> commit();
  bool has_changes();
  /// The seal has something to write: the next commit is not an empty one. Any context.
  void want_commit();
  /// Counts the epochs: who changed a block once need not say so again in the same epoch.
  uint64_t epoch() REQUIRES_SHARED(running_operation);

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
  explicit Operation(MetadataStore& store)
      ACQUIRE_SHARED(running_operation) NO_THREAD_SAFETY_ANALYSIS : store_(store) {
    store_.epoch_lock.lock_shared();
  }
  ~Operation() RELEASE() NO_THREAD_SAFETY_ANALYSIS { store_.epoch_lock.unlock_shared(); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  MetadataStore& store_;
};

}  // namespace cairn::ext2
