// An inode's life: made by its file system, found by number while it is in memory, kept for a while
// when nobody refers to it, destroyed. The number of references changes from or to 0 only under the
// cache's lock, so an inode is never found and destroyed at once.
#include "vfs/inode_cache.h"

#include "memory/heap.h"
#include "vfs/file_system.h"
#include "vfs/name_memory.h"

namespace cairn {

Result<void> InodeCache::start(uint32_t buckets) {
  auto** table = static_cast<Inode**>(heap_allocate(buckets * sizeof(void*)));
  if (table == nullptr) return Errno::kENOMEM;
  for (uint32_t i = 0; i < buckets; i++) table[i] = nullptr;
  IrqGuard guard(lock_);
  buckets_ = table;
  bucket_count_ = buckets;
  return {};
}

InodeCache::~InodeCache() { heap_free(buckets_); }

Inode** InodeCache::bucket(InodeNumber number) {
  return &buckets_[(number.value * 0x9e37'79b9'7f4a'7c15 >> 32) & (bucket_count_ - 1)];
}

void InodeCache::remove(Inode& inode) {
  Inode** at = bucket(inode.number);
  while (*at != &inode) at = &(*at)->hash_next_;
  *at = inode.hash_next_;
  inode.cached_ = false;
  departures_++;
  count_.fetch_sub(1);
}

RefPtr<Inode> InodeCache::find(InodeNumber number, Deleted deleted) {
  RefPtr<Inode> found;
  // Not there, or there and not on its way out.
  gone_.wait_until([&] {
    IrqGuard guard(lock_);
    if (buckets_ == nullptr) return true;
    Inode* inode = *bucket(number);
    while (inode != nullptr && inode->number != number) inode = inode->hash_next_;
    if (inode == nullptr) return true;
    if (inode->going_) return deleted == Deleted::kIgnore && inode->links.load() == 0;
    if (inode->references_.fetch_add(1) == 0) {
      unused_.remove(*inode);
      unused_count_.fetch_sub(1);
    }
    found = RefPtr<Inode>::adopt(inode);
    return true;
  });
  return found;
}

uint64_t InodeCache::departures() {
  IrqGuard guard(lock_);
  return departures_;
}

RefPtr<Inode> InodeCache::add(Inode& fresh, uint64_t departures) {
  RefPtr<Inode> earlier;
  while (!(earlier = find(fresh.number))) {
    IrqGuard guard(lock_);
    if (departures != kAnyDepartures && departures != departures_) break;
    Inode** at = bucket(fresh.number);
    Inode* other = *at;
    while (other != nullptr && other->number != fresh.number) other = other->hash_next_;
    if (other != nullptr) continue;  // it came in between: take that one
    fresh.hash_next_ = *at;
    fresh.cached_ = true;
    *at = &fresh;
    count_.fetch_add(1);
    return RefPtr<Inode>::adopt(&fresh);
  }
  fresh.file_system.destroy_inode(fresh);
  return earlier;
}

void InodeCache::release_last(Inode& inode) {
  Inode* victim = nullptr;
  {
    IrqGuard guard(lock_);
    if (inode.references_.fetch_sub(1) != 1) return;
    if (!inode.cached_ || inode.links.load() == 0) {
      inode.going_ = true;
      victim = &inode;
    } else {
      unused_.push_back(inode);
      if (unused_count_.fetch_add(1) >= max_unused_inodes()) {
        victim = unused_.pop_front();
        unused_count_.fetch_sub(1);
        victim->going_ = true;
      }
    }
  }
  if (victim != nullptr) destroy(*victim);
}

/// The inode is marked going, so nobody finds it; it stays in the table meanwhile, so that nobody reads
/// it anew before its changes are written.
void InodeCache::destroy(Inode& inode) {
  FileSystem& file_system = inode.file_system;
  if (inode.links.load() == 0) {
    file_system.delete_inode(inode);
  } else if (inode.device != nullptr && inode.dirty_count.load() != 0) {
    (void)write_back(inode);  // an error is counted, and there is nobody left to tell
  }
  {
    IrqGuard guard(lock_);
    if (inode.cached_) remove(inode);
  }
  file_system.destroy_inode(inode);
  gone_.wake_all();
}

uint64_t InodeCache::shrink(uint64_t wanted) {
  uint64_t destroyed = 0;
  for (; destroyed < wanted; destroyed++) {
    Inode* victim;
    {
      IrqGuard guard(lock_);
      victim = unused_.pop_front();
      if (victim == nullptr) break;
      unused_count_.fetch_sub(1);
      victim->going_ = true;
    }
    destroy(*victim);
  }
  return destroyed;
}

RefPtr<Inode> InodeCache::next(const Inode* previous) {
  IrqGuard guard(lock_);
  if (buckets_ == nullptr) return nullptr;
  Inode** chain = previous != nullptr ? bucket(previous->number) : buckets_;
  Inode* at = previous != nullptr ? previous->hash_next_ : *chain;
  while (true) {
    while (at != nullptr && at->going_) at = at->hash_next_;
    if (at != nullptr) break;
    if (++chain == buckets_ + bucket_count_) return nullptr;
    at = *chain;
  }
  if (at->references_.fetch_add(1) == 0) {
    unused_.remove(*at);
    unused_count_.fetch_sub(1);
  }
  return RefPtr<Inode>::adopt(at);
}

}  // namespace cairn
