#include "vfs/record_locks.h"

#include <algorithm>

#include "memory/heap.h"
#include "sched/wait_queue.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

/// Orders a file's locks; those of one owner never overlap.
struct LockKey {
  const ProcessFiles* owner;
  uint64_t first;
  friend auto operator<=>(const LockKey&, const LockKey&) = default;
};
constexpr auto kLockKey = [](const HeldLock& held) {
  return LockKey{held.lock.owner, held.lock.first};
};

/// A process that waits, and for whom.
struct Waiting {
  const ProcessFiles* owner;
  const ProcessFiles* blocker;
  ListLink link;
};

struct Table {
  Spinlock lock{"record locks", LockRank::kRecordLocks};  // over all files' locks as well
  List<Waiting, &Waiting::link> waiting GUARDED_BY(lock);

  HeldLock* conflict(const Inode& inode, const RecordLock& wanted) REQUIRES(lock);
  Result<void> replace(Inode& inode, const RecordLock& range, bool keep) REQUIRES(lock);
  bool would_deadlock(const ProcessFiles* owner, const ProcessFiles* blocker) REQUIRES(lock);
  void insert(HeldLock& held) REQUIRES(lock);
  void remove(HeldLock& held) REQUIRES(lock);
};

constinit Table table;
constinit WaitQueue changes{"record lock"};

bool overlaps(const RecordLock& left, const RecordLock& right) {
  return left.first <= right.last && right.first <= left.last;
}

}  // namespace

struct FileLocks {
  Tree<HeldLock, &HeldLock::tree_link, kLockKey> tree;

  /// The first lock of `owner` that reaches `from`, or touches it from below; null if there is none.
  HeldLock* first_of(const ProcessFiles* owner, uint64_t from) const {
    HeldLock* before = tree.at_or_before({owner, from});
    bool reaches =
        before != nullptr && before->lock.owner == owner && before->lock.last + 1 >= from;
    return reaches ? before : of(owner, tree.lower_bound({owner, from}));
  }
  HeldLock* next_of(const RecordLock& lock) const {
    return of(lock.owner, tree.lower_bound({lock.owner, lock.first + 1}));
  }
  HeldLock* first_of_owner_after(const ProcessFiles* owner) const {
    return tree.lower_bound({owner, kLastByte + 1});
  }

 private:
  static HeldLock* of(const ProcessFiles* owner, HeldLock* held) {
    return held != nullptr && held->lock.owner == owner ? held : nullptr;
  }
};

namespace {

/// The inode has its tree.
void Table::insert(HeldLock& held) {
  held.inode->record_locks->tree.insert(held);
  held.lock.owner->record_locks.list.push_back(held);
  held.lock.owner->record_locks.count.fetch_add(1);
}

/// The inode keeps its tree even if it is empty now: forget_empty_tree() may follow.
void Table::remove(HeldLock& held) {
  held.inode->record_locks->tree.remove(held);
  List<HeldLock, &HeldLock::owner_link>::remove(held);
  held.lock.owner->record_locks.count.fetch_sub(1);
  delete &held;
}

void forget_empty_tree(Inode& inode) {
  if (inode.record_locks != nullptr && inode.record_locks->tree.empty())
    delete std::exchange(inode.record_locks, nullptr);
}

/// The first of `owner` in the way of `wanted`; the file has locks.
HeldLock* conflict_with(const FileLocks& locks, const ProcessFiles* owner,
                        const RecordLock& wanted) {
  HeldLock* held = locks.first_of(owner, wanted.first);
  while (held != nullptr && held->lock.first <= wanted.last) {
    if ((held->lock.exclusive || wanted.exclusive) && overlaps(held->lock, wanted)) return held;
    held = locks.next_of(held->lock);
  }
  return nullptr;
}

HeldLock* Table::conflict(const Inode& inode, const RecordLock& wanted) {
  const FileLocks* locks = inode.record_locks;
  if (locks == nullptr) return nullptr;
  HeldLock* nearest = nullptr;
  for (HeldLock* at = locks->tree.first(); at != nullptr;) {
    const ProcessFiles* owner = at->lock.owner;
    at = locks->first_of_owner_after(owner);
    if (owner == wanted.owner) continue;
    HeldLock* found = conflict_with(*locks, owner, wanted);
    if (found == nullptr) continue;
    if (nearest == nullptr || found->lock.first < nearest->lock.first) nearest = found;
  }
  return nearest;
}

/// Makes the range's owner have `range` there (`keep`) or nothing. What it had on both sides stays;
/// of the same kind it grows together with the new lock. ENOLCK, with nothing changed.
Result<void> Table::replace(Inode& inode, const RecordLock& range, bool keep) {
  if (inode.record_locks == nullptr && !keep) return {};
  // At most two are new: the range, and the far part of one that is cut in two.
  auto* fresh = new_object<HeldLock>(HeldLock{range, &inode, {}, {}});
  auto* far_part = new_object<HeldLock>(HeldLock{range, &inode, {}, {}});
  if (inode.record_locks == nullptr) inode.record_locks = new_object<FileLocks>();
  if (fresh == nullptr || far_part == nullptr || inode.record_locks == nullptr) {
    delete fresh;
    delete far_part;
    forget_empty_tree(inode);
    return Errno::kENOLCK;
  }
  FileLocks& locks = *inode.record_locks;
  HeldLock* next = locks.first_of(range.owner, range.first);
  while (HeldLock* held = next) {
    RecordLock& old = held->lock;
    if (old.first > range.last + 1) break;
    next = locks.next_of(old);
    if (keep && old.exclusive == range.exclusive) {  // they touch
      fresh->lock.first = std::min(old.first, fresh->lock.first);
      fresh->lock.last = std::max(old.last, fresh->lock.last);
      remove(*held);
      continue;
    }
    if (!overlaps(old, range)) continue;
    bool before = old.first<range.first, after = old.last> range.last;
    if (before && after) {
      far_part->lock = old;
      far_part->lock.first = range.last + 1;
      insert(*std::exchange(far_part, nullptr));
    }
    if (before) {
      old.last = range.first - 1;
    } else if (after) {
      old.first =
          range.last + 1;  // still before the owner's next, so its place in the tree is right
    } else {
      remove(*held);
    }
  }
  if (keep) insert(*std::exchange(fresh, nullptr));
  forget_empty_tree(inode);
  delete fresh;
  delete far_part;
  return {};
}

/// Whether `blocker` waits, maybe through others, for `owner`.
bool Table::would_deadlock(const ProcessFiles* owner, const ProcessFiles* blocker) {
  // What waiters wrote down may be out of date and even a circle: the chain is followed so far only.
  constexpr int kLongestChain = 16;
  for (int i = 0; i < kLongestChain && blocker != owner; i++) {
    for (Waiting& waiter : waiting) {
      if (waiter.owner != blocker) continue;
      blocker = waiter.blocker;
      break;
    }
  }
  return blocker == owner;
}

/// Takes the lock or says who is in the way.
Result<void> try_to_take(Inode& inode, const RecordLock& wanted, const ProcessFiles*& blocker) {
  {
    Guard guard(table.lock);
    HeldLock* held = table.conflict(inode, wanted);
    if (held != nullptr) {
      blocker = held->lock.owner;
      return Errno::kEAGAIN;
    }
    TRY(table.replace(inode, wanted, true));
  }
  changes.wake_all();  // it may be less than there was
  return {};
}

}  // namespace

std::optional<RecordLock> find_lock_conflict(Inode& inode, const RecordLock& wanted) {
  Guard guard(table.lock);
  HeldLock* held = table.conflict(inode, wanted);
  return held != nullptr ? std::optional(held->lock) : std::nullopt;
}

Result<void> take_record_lock(Inode& inode, const RecordLock& wanted) {
  const ProcessFiles* blocker;
  return try_to_take(inode, wanted, blocker);
}

Result<void> wait_for_record_lock(Inode& inode, const RecordLock& wanted) {
  while (true) {
    Waiting waiting{wanted.owner, nullptr, {}};
    auto taken = try_to_take(inode, wanted, waiting.blocker);
    if (taken.error() != Errno::kEAGAIN) return taken;
    {
      Guard guard(table.lock);
      if (table.would_deadlock(waiting.owner, waiting.blocker)) return Errno::kEDEADLK;
      table.waiting.push_back(waiting);
    }
    auto waited = changes.wait_until_interruptible([&] {
      Guard guard(table.lock);
      return table.conflict(inode, wanted) == nullptr;
    });
    Guard guard(table.lock);
    List<Waiting, &Waiting::link>::remove(waiting);
    if (!waited.ok()) return waited.error();
  }
}

Result<void> drop_record_locks(Inode& inode, ProcessFiles* owner, uint64_t first, uint64_t last) {
  {
    Guard guard(table.lock);
    TRY(table.replace(inode, {.owner = owner, .first = first, .last = last}, false));
  }
  changes.wake_all();
  return {};
}

void drop_record_locks_of_file(Inode& inode, ProcessFiles* owner) {
  {
    Guard guard(table.lock);
    if (inode.record_locks == nullptr) return;
    while (HeldLock* held = inode.record_locks->first_of(owner, 0)) table.remove(*held);
    forget_empty_tree(inode);
  }
  changes.wake_all();
}

void drop_all_record_locks(ProcessFiles* owner) {
  if (owner->record_locks.count.load() == 0) return;
  {
    Guard guard(table.lock);
    while (HeldLock* held = owner->record_locks.list.front()) {
      Inode& inode = *held->inode;
      table.remove(*held);
      forget_empty_tree(inode);
    }
  }
  changes.wake_all();
}

}  // namespace cairn
