// The inodes of one file system that are in memory: by number, each once. Those nobody refers to
// wait in order of last use until they are wanted again or there are too many.
#pragma once

#include "vfs/inode.h"

namespace cairn {

class InodeCache {
 public:
  /// ENOMEM. `buckets` a power of two.
  Result<void> start(uint32_t buckets = 1024);

  /// What find() does about an inode whose file is being deleted.
  enum class Deleted : uint8_t { kWaitFor, kIgnore };
  /// The inode, with a reference; null if it isn't in memory. Waits for one that is going.
  RefPtr<Inode> find(InodeNumber number, Deleted deleted = Deleted::kWaitFor);
  /// How many inodes have left memory so far. Who reads one from the device asks before find().
  uint64_t departures();
  /// Adds one that was just made (with its maker's reference). If another thread was faster, that
  /// one's is returned and `fresh` is destroyed.
  RefPtr<Inode> add(Inode& fresh) { return add(fresh, kAnyDepartures); }
  /// Adds one that was read from the device. Null, and `fresh` is destroyed, if an inode has left since
  /// `departures`: it may have been this one, with changes that were not on the device yet when it was read.
  RefPtr<Inode> add(Inode& fresh, uint64_t departures);

  /// Destroys those without users, as many as `wanted` (UINT64_MAX: all); how many.
  uint64_t shrink(uint64_t wanted);
  /// In memory, and how many of them have users.
  uint64_t count() const { return count_.load(); }
  uint64_t used() const { return count_.load() - unused_count_.load(); }

  /// The inode after `previous` in no order, with a reference, for listings and write-back; null at
  /// the end.
  RefPtr<Inode> next(const Inode* previous);

  ~InodeCache();

 private:
  friend class Inode;
  static constexpr uint64_t kAnyDepartures = UINT64_MAX;
  /// Drops the last reference, or finds that it isn't the last any more.
  void release_last(Inode& inode);
  void destroy(Inode& inode);
  Inode** bucket(InodeNumber number) REQUIRES(lock_);
  void remove(Inode& inode) REQUIRES(lock_);

  Spinlock lock_{"inode cache", LockRank::kInodeCache};
  Inode** buckets_ GUARDED_BY(lock_) = nullptr;
  uint32_t bucket_count_ GUARDED_BY(lock_) = 0;
  uint64_t departures_ GUARDED_BY(lock_) = 0;
  List<Inode, &Inode::unused_link_> unused_ GUARDED_BY(lock_);
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> unused_count_{0};
  WaitQueue gone_{"inode"};
};

}  // namespace cairn
