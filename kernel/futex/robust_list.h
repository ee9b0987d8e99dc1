// Locks whose owner ended. A thread keeps a list of the locks it holds, in its own memory, and tells the kernel where it
// begins; at its end the kernel marks each as its dead owner's and wakes one who waits for it, so that nobody waits for ever.
//
// The list and all it names are the program's, and may be anything: what can't be read or written is passed over, and a
// list that goes round in circles ends after kMaxRobustLocks.
//
// Source: Linux, set_robust_list(2), Documentation/locking/robust-futex-ABI.rst.
#pragma once

#include "lib/types.h"

namespace cairn {

inline constexpr uint64_t kMaxRobustLocks = 2048;

/// Linux's struct robust_list_head.
struct RobustListHead {
  uint64_t first;       // address of the first entry's link; the head's own: none
  int64_t lock_offset;  // from a link to its lock's word, in bytes
  uint64_t pending;     // link of a lock that is being taken or let go, in the list or not; 0: none
};
static_assert(sizeof(RobustListHead) == 24);

/// What is to be done for the thread `tid`, which ends and is the running one, of the list whose head is at `head`.
/// May sleep.
void let_go_of_robust_locks(VirtAddr head, Pid tid);

}  // namespace cairn
