#include "vfs/record_locks.h"

#include <algorithm>

#include "memory/heap.h"
#include "sched/wait_queue.h"

namespace cairn {

namespace {

struct Entry {
  RecordLock lock;
  const Inode* inode;  // alive: its owner has a descriptor of it as long as it has the lock
  ListLink link;
};

/// A process that waits, and for whom.
struct Waiting {
  const ProcessFiles* owner;
  const ProcessFiles* blocker;
  ListLink link;
};

struct Table {
  Spinlock lock{"record locks", LockRank::kRecordLocks};
  List<Entry, &Entry::link> entries GUARDED_BY(lock);
  List<Waiting, &Waiting::link> waiting GUARDED_BY(lock);
  std::atomic<uint32_t> count{0};  // of entries; written with the lock held

  Entry* conflict(const Inode& inode, const RecordLock& wanted) REQUIRES(lock);
  Result<void> replace(const Inode& inode, const RecordLock& range, bool keep) REQUIRES(lock);
  bool would_deadlock(const ProcessFiles* owner, const ProcessFiles* blocker) REQUIRES(lock);
  void insert(Entry& entry) REQUIRES(lock) {
    entries.push_back(entry);
    count.fetch_add(1);
  }
  void remove(Entry& entry) REQUIRES(lock) {
    List<Entry, &Entry::link>::remove(entry);
    count.fetch_sub(1);
    delete &entry;
  }
};

constinit Table table;
constinit WaitQueue changes{"record lock"};

bool overlaps(const RecordLock& left, const RecordLock& right) {
  return left.first <= right.last && right.first <= left.last;
}
bool touches(const RecordLock& left, const RecordLock& right) {
  return left.first <= right.last + 1 && right.first <= left.last + 1;
}

Entry* Table::conflict(const Inode& inode, const RecordLock& wanted) {
  Entry* nearest = nullptr;
  for (Entry& entry : entries) {
    bool in_the_way = entry.inode == &inode && entry.lock.owner != wanted.owner &&
                      (entry.lock.exclusive || wanted.exclusive) && overlaps(entry.lock, wanted);
    if (!in_the_way) continue;
    if (nearest == nullptr || entry.lock.first < nearest->lock.first) nearest = &entry;
  }
  return nearest;
}

/// Makes the range's owner have `range` there (`keep`) or nothing. What it had on both sides stays;
/// of the same kind it grows together with the new lock. ENOLCK, with nothing changed.
Result<void> Table::replace(const Inode& inode, const RecordLock& range, bool keep) {
  // At most two entries are new: the range, and the far part of one that is cut in two.
  auto* fresh = new_object<Entry>(Entry{range, &inode, {}});
  auto* far_part = new_object<Entry>(Entry{range, &inode, {}});
  if (fresh == nullptr || far_part == nullptr) {
    delete fresh;
    delete far_part;
    return Errno::kENOLCK;
  }
  for (Entry& entry : entries) {
    RecordLock& old = entry.lock;
    if (entry.inode != &inode || old.owner != range.owner) continue;
    if (keep && old.exclusive == range.exclusive && touches(old, fresh->lock)) {
      fresh->lock.first = std::min(old.first, fresh->lock.first);
      fresh->lock.last = std::max(old.last, fresh->lock.last);
      remove(entry);
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
      old.first = range.last + 1;
    } else {
      remove(entry);
    }
  }
  if (keep) insert(*std::exchange(fresh, nullptr));
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
Result<void> try_to_take(const Inode& inode, const RecordLock& wanted,
                         const ProcessFiles*& blocker) {
  {
    Guard guard(table.lock);
    Entry* entry = table.conflict(inode, wanted);
    if (entry != nullptr) {
      blocker = entry->lock.owner;
      return Errno::kEAGAIN;
    }
    TRY(table.replace(inode, wanted, true));
  }
  changes.wake_all();  // it may be less than there was
  return {};
}

}  // namespace

std::optional<RecordLock> find_lock_conflict(const Inode& inode, const RecordLock& wanted) {
  Guard guard(table.lock);
  Entry* entry = table.conflict(inode, wanted);
  return entry != nullptr ? std::optional(entry->lock) : std::nullopt;
}

Result<void> take_record_lock(const Inode& inode, const RecordLock& wanted) {
  const ProcessFiles* blocker;
  return try_to_take(inode, wanted, blocker);
}

Result<void> wait_for_record_lock(const Inode& inode, const RecordLock& wanted) {
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

Result<void> drop_record_locks(const Inode& inode, const ProcessFiles* owner, uint64_t first,
                               uint64_t last) {
  {
    Guard guard(table.lock);
    TRY(table.replace(inode, {.owner = owner, .first = first, .last = last}, false));
  }
  changes.wake_all();
  return {};
}

bool record_locks_exist() { return table.count.load() != 0; }

void drop_record_locks_of_file(const Inode& inode, const ProcessFiles* owner) {
  {
    Guard guard(table.lock);
    for (Entry& entry : table.entries) {
      if (entry.inode == &inode && entry.lock.owner == owner) table.remove(entry);
    }
  }
  changes.wake_all();
}

void drop_all_record_locks(const ProcessFiles* owner) {
  {
    Guard guard(table.lock);
    for (Entry& entry : table.entries) {
      if (entry.lock.owner == owner) table.remove(entry);
    }
  }
  changes.wake_all();
}

}  // namespace cairn
