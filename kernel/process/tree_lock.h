// The lock of the process tree: who is whose parent, child, thread, and which signals wait for whom.
#pragma once

#include "sync/spinlock.h"

namespace cairn {

/// Interrupt handlers take it, too (timers send signals). Inside it wait queues are woken, run queues filled, and
/// memory comes from the heap.
extern Spinlock process_tree_lock;

}  // namespace cairn
