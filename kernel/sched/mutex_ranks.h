// The order in which a thread takes mutexes, checked in debug builds: Mutex and SharedMutex tell what
// they do. Both functions cost nothing in other builds.
#pragma once

#include "lib/assert.h"
#include "sync/lock_order.h"

namespace cairn {

void check_and_add_mutex_rank(LockRank rank, const char* name);
void remove_mutex_rank(LockRank rank);

/// The current thread is about to take a mutex. Panics if it holds one that ranks no higher.
inline void note_mutex_taken(LockRank rank, const char* name) {
  if (kDebugBuild) check_and_add_mutex_rank(rank, name);
}
/// It lets go of it.
inline void note_mutex_left(LockRank rank) {
  if (kDebugBuild) remove_mutex_rank(rank);
}

}  // namespace cairn
