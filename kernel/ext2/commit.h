// Metadata of a mounted ext2: its blocks in memory, and the transactions that bring them to the device.
//
// What `e2fsck -p` repairs by itself after a power cut is little, and no order of single writes leaves
// only that. But before it looks at anything else e2fsck replays a journal. So changes collect in a
// *transaction*, and a *commit* brings one to the device as a whole, through a journal that is there
// for as long as the commit lasts:
//
//   running   operations change blocks in memory. A commit waits for those that are under way, seals the
//             transaction, copies its blocks aside, and lets operations go on in the next one
//   data      of the files that got blocks or another size in the transaction, what was dirty when it was
//             sealed is written, so that nothing on the device ever leads to what lay there before. Who
//             drops dirty pages does that in the operation that frees their blocks, after this (wait_for_data())
//   log       the copies are written to the journal, in blocks that are free and set aside (journal.h)
//   show      the superblock says that there is a journal to be replayed. With this one write the
//             transaction is on the device: a cut before it leaves the state before, a cut after it
//             leaves what e2fsck turns into the state after
//   home      the copies are written where they belong
//   hide      the superblock as the transaction has it: there is no journal any more
//
// Each is complete on the medium before the next begins. A block that a transaction frees can be taken
// again only after its commit, so nothing that a replay needs is overwritten. A commit that fails goes
// on where it ended when the next one is asked for; until then nothing else is committed.
//
// The journal has room for so many blocks. An operation says before it begins how many it may change,
// and waits for a commit if there is no room for them (Operation). Without a journal (journal.h says
// when) only `data`, `home` and `hide` are done, and a cut may leave what needs a person at e2fsck.
// Source: Stephen Tweedie, "Journaling the Linux ext2fs Filesystem" (1998); Linux, fs/jbd2, for credits.
#pragma once

#include "ext2/journal.h"
#include "sched/mutex.h"
#include "sched/shared_mutex.h"

namespace cairn::ext2 {

/// What commits ask of the rest of the file system. One commit calls at a time.
class CommitClient {
 public:
  /// Writes the data of the sealed transaction. Takes no inode's lock, and drops no inode: the caller of
  /// commit() may hold the one, and deleting the other is an operation. The first error. May sleep.
  virtual Result<void> write_data() = 0;
  /// A transaction ends, no operation is running: the superblock may change.
  virtual void seal() = 0;
  /// The device has this block of that transaction now, with this content.
  virtual void committed(BlockNumber block, const uint8_t* content) = 0;
  /// The transaction is complete on the device.
  virtual void release() = 0;
  /// The commit is over, its locks are not held.
  virtual void after_commit() = 0;

 protected:
  ~CommitClient() = default;
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
  MetadataStore(BlockDevice& device, uint32_t block_size, uint64_t block_count);  // for create()
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
  /// Waits until the data that belongs to the transaction before this one is on the device. To be called
  /// in the running operation before it drops pages whose blocks it frees. No lock of the operation's
  /// that locate_page() takes. May sleep.
  void wait_for_data() REQUIRES_SHARED(running_operation);
  /// Whether the running operation can do another step.
  bool has_room() const REQUIRES_SHARED(running_operation) { return fits(); }
  /// Counts the transactions: who changed a block once need not say so again in the same one.
  uint64_t transaction() const { return number_.load(std::memory_order_relaxed); }

  /// Commits all metadata changed so far, and waits. With nothing to do it is cheap; those who ask while a
  /// commit is under way share the next one. The first error: EIO; what could not be written is tried
  /// again by the next commit. Inodes' locks may be held (a full device is tidied up in the middle of
  /// a create), nothing below; not within an operation.
  Result<void> commit();
  bool has_changes() const { return changed_.load(); }
  /// The superblock, which is part of each transaction, and what CommitClient::seal() writes into it.
  Superblock& superblock() const {
    return *superblock_->block.as<Superblock>(kSuperblockOffset % block_size_);
  }
  /// The superblock changed or is to: the next commit is not an empty one. Any context.
  void want_commit() { changed_.store(true); }
  /// Damage was found, which the superblock is to say. Any context.
  void note_errors() {
    errors_found_.store(true);
    want_commit();
  }
  bool has_errors() const { return errors_found_.load(); }
  /// Before the first commit; null: nobody is asked.
  void set_client(CommitClient* client) { client_ = client; }

  // ---- The journal (journal.h). Before the first operation, or within CommitClient::release().

  /// So many blocks a journal takes at least, and at most.
  static constexpr uint32_t kLeastJournal = kStepBlocks + Journal::kOverhead;
  uint32_t longest_journal() const { return journal_.longest(); }
  /// From now on, commits use these free blocks, which nobody else may write. `inode_block` holds inode
  /// 8. EBUSY: the running transaction needs the longer journal that there is, which stays. ENOSPC (less
  /// than kLeastJournal), EIO, ENOMEM: there is none.
  Result<void> open_journal(std::span<const uint32_t> blocks, BlockNumber inode_block);

 private:
  friend class Operation;
  /// What a commit does next. Its order is the order on the device.
  enum class Stage : uint8_t { kLog, kShow, kHome, kHide, kDone };

  void begin_operation() ACQUIRE_SHARED(running_operation);
  void end_operation() RELEASE_SHARED(running_operation);
  bool fits() const {
    return capacity_.load() == 0 || count_.load() + promised_.load() <= capacity_.load();
  }
  void seal() REQUIRES(commit_mutex_);
  Result<void> write_stage() REQUIRES(commit_mutex_);
  Result<void> finish() REQUIRES(commit_mutex_);
  Result<void> flush() REQUIRES(commit_mutex_);

  // Immutable after creation; the client, from the first commit on.
  BlockDevice& device_;
  const uint32_t block_size_;
  const uint64_t block_count_;
  CacheOwner* pages_ = nullptr;
  CommitClient* client_ = nullptr;
  // Blocks that are logged with each transaction (journal.h).
  Record* superblock_ = nullptr;     // written with each, too
  Record* journal_inode_ = nullptr;  // null: there has been no journal

  /// Operations hold it shared; exclusively, for a moment, who ends the transaction.
  SharedMutex operations_{"transaction", LockRank::kEpoch};
  std::atomic<uint64_t> number_{1};   // of the running transaction
  std::atomic<bool> changed_{false};  // it has something to write
  std::atomic<bool> errors_found_{false};
  std::atomic<bool> writing_data_{false};  // of the sealed transaction
  WaitQueue data_queue_{"disk"};
  std::atomic<uint32_t> count_{0};     // blocks in it, the superblock not counted
  std::atomic<uint32_t> promised_{0};  // blocks that operations may add
  std::atomic<uint32_t> capacity_{0};  // blocks that the journal takes; 0: there is none

  Spinlock lock_{"metadata", LockRank::kMetadata};
  Transaction transactions_[2];
  Transaction* running_ GUARDED_BY(lock_) = &transactions_[0];

  // One commit at a time; what is below belongs to it.
  Mutex commit_mutex_{"commit", LockRank::kCommit};
  Transaction* committing_ GUARDED_BY(commit_mutex_) = &transactions_[1];  // empty: all is written
  Stage stage_ GUARDED_BY(commit_mutex_) = Stage::kDone;
  BlockWriter writer_;
  Journal journal_;
  uint64_t flushed_writes_ GUARDED_BY(commit_mutex_) = UINT64_MAX;  // covered by the last flush
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
