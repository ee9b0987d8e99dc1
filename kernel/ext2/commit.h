// Metadata of a mounted ext2: its blocks in memory, and the transactions that bring them to the device.
//
// What `e2fsck -p` repairs by itself after a power cut is little, and no order of single writes leaves
// only that. But before it looks at anything else e2fsck replays a journal. So changes collect in a
// *transaction*, and a *commit* brings one to the device as a whole, through a journal that is there
// for as long as the commit lasts:
//
//   running   operations change blocks in memory. A commit waits for those that are under way, seals the
//             transaction, copies its blocks aside, and lets operations go on in the next one
//   data      file data is written, so that nothing on the device ever leads to what lay there before
//   log       the copies are written to the journal, in blocks that are free and set aside (journal.h)
//   show      the superblock says that there is a journal to be replayed. With this one write the
//             transaction is on the device: a cut before it leaves the state before, a cut after it
//             leaves what e2fsck turns into the state after
//   home      the copies are written where they belong
//   hide      the superblock as the transaction has it: there is no journal any more
//
// Each is complete on the medium before the next begins. What a transaction frees (blocks, inodes) can
// be taken again only after its commit, so nothing that a replay needs is overwritten. A commit that
// fails goes on where it ended when the next one is asked for; until then nothing else is committed.
//
// The journal has room for so many blocks. An operation says before it begins how many it may change,
// and waits for a commit if there is no room for them (Operation). Without a journal (journal.h says
// when) only `data`, `home` and `hide` are done, and a cut may leave what needs a person at e2fsck.
// Source: Stephen Tweedie, "Journaling the Linux ext2fs Filesystem" (1998); Linux, fs/jbd2, for credits.
#pragma once

#include "ext2/commit_client.h"
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

/// What clang's analysis of locks calls being within an Operation: one name for the transactions of all
/// mounted file systems, so that functions which are given inodes can ask for it.
struct CAPABILITY("operation") RunningOperation {};
inline constinit RunningOperation running_operation;

class MetadataStore {
 public:
  /// So many blocks a step of an operation changes at most: the longest, a name that makes its directory
  /// longer for a new directory, about 25. An operation of several steps asks has_room() between them.
  static constexpr uint32_t kStepBlocks = 32;

  static Result<MetadataStore*> create(BlockDevice& device, uint32_t block_size,
                                       uint64_t block_count);
  ~MetadataStore();

  /// A block's content; read if it isn't in memory. EIO; EUCLEAN beyond the device. May sleep.
  Result<MetadataBlock> read(BlockNumber number);
  /// A block that was just allocated: zeros, changed. ENOMEM.
  Result<MetadataBlock> create_block(BlockNumber number) REQUIRES_SHARED(running_operation);
  /// The block was changed, or is about to be before the operation ends. ENOMEM before anything is
  /// changed: so call it first.
  Result<void> change(const MetadataBlock& block) REQUIRES_SHARED(running_operation);
  /// The block is no longer metadata, it is being freed: it is not written.
  void forget(BlockNumber number) REQUIRES_SHARED(running_operation);
  /// Whether the running operation can do another step.
  bool has_room() const REQUIRES_SHARED(running_operation);
  /// Counts the transactions: who changed a block once need not say so again in the same one.
  uint64_t transaction() const REQUIRES_SHARED(running_operation);

  /// Commits everything done so far, and waits. With nothing to do it is cheap; those who ask while a
  /// commit is under way share the next one. The first error: EIO; what could not be written is tried
  /// again by the next commit. Inodes' locks may be held (a full device is tidied up in the middle of
  /// a create), nothing below; not within an operation.
  Result<void> commit();
  bool has_changes() const;
  /// seal() has something to write: the next commit is not an empty one. Any context.
  void want_commit();
  /// Before the first commit; null: nobody is asked.
  void set_client(CommitClient* client);

  // ---- The journal (journal.h). Before the first operation, or within CommitClient::release().

  /// So many blocks a journal takes at least, and at most.
  uint32_t least_journal() const;
  uint32_t longest_journal() const;
  /// From now on, commits use these free blocks, which nobody else may write. `inode_block` holds inode
  /// 8. EIO, ENOMEM, ENOSPC (no blocks): there is no journal.
  Result<void> open_journal(std::span<const uint32_t> blocks, BlockNumber inode_block);
  /// The journal keeps the first `count` blocks that it was given, at least least_journal(). Those that it
  /// doesn't need any more; none if the running transaction needs them.
  std::span<const uint32_t> shorten_journal(uint32_t count);

 private:
  friend class Operation;
  struct State;
  State& state_;
  explicit MetadataStore(State& state) : state_(state) {}

  void begin_operation() ACQUIRE_SHARED(running_operation);
  void end_operation() RELEASE_SHARED(running_operation);
};

/// Holds the running transaction open: a commit has all of an operation or nothing. Taken inside
/// Inode::lock, outside map locks. Where the journal has no room for a step of this operation beside
/// those under way, waits for a commit first; commit() must not be called while one is held.
class SCOPED_CAPABILITY Operation {
 public:
  explicit Operation(MetadataStore& store) ACQUIRE_SHARED(running_operation) : store_(store) {
    store_.begin_operation();
  }
  ~Operation() RELEASE() NO_THREAD_SAFETY_ANALYSIS { store_.end_operation(); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  MetadataStore& store_;
};

}  // namespace cairn::ext2
