// Futexes: threads that sleep until somebody wakes those who wait for a word of memory. What the word means is the
// programs' affair; the kernel looks at it only to be sure that who goes to sleep isn't too late.
//
// That look and the place in the queue are one step, under the lock that wakers take, too: whoever changes the word and
// then wakes finds the waiter, or the waiter finds the change. A waiter's place is on his own stack; he has left it when
// his wait returns, however it ended. A wake-up that came before a signal or the deadline counts.
//
// Source: Linux, futex(2), futex(7); Franke, Russell, Kirkwood, "Fuss, Futexes and Furwocks: Fast Userlevel Locking in Linux".
#pragma once

#include <optional>

#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

/// A word in the memory of the running process. A private one is known to those alone who use this address space, by its
/// address; others to all who map the same object. The two are never the same, even where the memory is nobody else's.
struct FutexWord {
  VirtAddr address{};
  bool is_private = false;
};

inline constexpr uint32_t kAnyBit = UINT32_MAX;  // the bits of who doesn't care

/// Sleeps, if the word is `expected`, until woken with one of `bits`. EAGAIN: it is another; ETIMEDOUT: `deadline_ns`
/// (monotonic; kNoDeadline: none) passed; EINTR. EINVAL: no bits, or the address isn't a multiple of 4; EFAULT.
/// May sleep, as all of these.
Result<void> futex_wait(const FutexWord& word, uint32_t expected, uint32_t bits,
                        uint64_t deadline_ns);

/// Wakes at most `count` of those who wait with one of `bits`, the longest waiting first; how many. EINVAL, EFAULT.
Result<uint64_t> futex_wake(const FutexWord& word, uint64_t count, uint32_t bits);

/// Wakes at most `wake` of those who wait for `from`, and has at most `requeue` others wait for `to` instead, all in one
/// step and only if `from` is `expected`, if that is given. How many both together. EAGAIN: it isn't; EINVAL, EFAULT.
struct RequeueCounts {
  uint64_t wake, requeue;
};
Result<uint64_t> futex_requeue(const FutexWord& from, const FutexWord& to, RequeueCounts most,
                               std::optional<uint32_t> expected);

/// What futex_wake_op() does to the second word, and what it asks of what was there.
struct FutexOperation {
  uint32_t operation;  // 0: set, 1: add, 2: or, 3: and not, 4: exclusive or
  uint32_t
      comparison;  // 0 to 5: equal, not equal, less, less or equal, greater, greater or equal; signed
  int32_t operand, compared;
};
/// Changes `second`, wakes at most `most_first` of `first` and, if what `second` was compares, `most_second` of it, in one
/// step. How many both together. ENOSYS: no such operation, or comparison; then nobody is woken, but the word may have
/// changed. EINVAL, EFAULT.
Result<uint64_t> futex_wake_op(const FutexWord& first, const FutexWord& second, uint64_t most_first,
                               uint64_t most_second, const FutexOperation& operation);

}  // namespace cairn
