#include "futex/robust_list.h"

#include "address_space/user_copy.h"
#include "futex/futex.h"

namespace cairn {

namespace {

// A lock's word: its owner's tid and two marks.
constexpr uint32_t kHasWaiters = 0x8000'0000, kOwnerDied = 0x4000'0000, kTidMask = 0x3fff'ffff;

/// A link, as it is stored: the low bit says that the lock inherits priority, which no lock here does.
constexpr uint64_t kInheritsPriority = 1;
VirtAddr link_at(uint64_t stored) { return VirtAddr(stored & ~kInheritsPriority); }

void wake_one(VirtAddr word) { (void)futex_wake({word, false}, 1, kAnyBit); }

/// Whether the walk can go on behind this lock.
bool let_go(VirtAddr word, Pid tid, bool is_pending) {
  auto first = read_user<uint32_t>(word);
  if (word.value % sizeof(uint32_t) != 0 || !first.ok()) return false;
  uint32_t seen = *first;
  // Its owner let go of it and hadn't come to wake the next yet.
  if (is_pending && (seen & kTidMask) == 0) return wake_one(word), true;
  while ((seen & kTidMask) == tid.value) {
    auto found = exchange_user_word(word, seen, (seen & kHasWaiters) | kOwnerDied);
    if (!found.ok()) return false;
    if (*found == seen) {
      if (seen & kHasWaiters) wake_one(word);
      return true;
    }
    seen = *found;
  }
  return true;
}

}  // namespace

void let_go_of_robust_locks(VirtAddr head, Pid tid) {
  auto list = read_user<RobustListHead>(head);
  if (!list.ok()) return;
  VirtAddr pending = link_at(list->pending);
  auto word_of = [&list](VirtAddr link) {
    return VirtAddr(link.value + uint64_t(list->lock_offset));
  };
  VirtAddr link = link_at(list->first);
  for (uint64_t left = kMaxRobustLocks; link != head && left != 0; left--) {
    // The next one first: whoever gets the lock may change the link.
    auto next = read_user<uint64_t>(link);
    if (link != pending && !let_go(word_of(link), tid, false)) return;
    if (!next.ok()) break;
    link = link_at(*next);
  }
  if (pending.value != 0) (void)let_go(word_of(pending), tid, true);
}

}  // namespace cairn
