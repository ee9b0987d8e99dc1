// Two spinlocks of one rank at once, which nothing else may hold together.
#pragma once

#include <cstdint>

#include "sync/spinlock.h"

namespace cairn {

/// Takes both, the one at the lower address first, so that two of these never wait for each other; or one, if both
/// are the same. As Guard: disables preemption; for locks that interrupt handlers never take.
class SCOPED_CAPABILITY PairGuard {
 public:
  PairGuard(Spinlock& one, Spinlock& other) ACQUIRE(one, other) NO_THREAD_SAFETY_ANALYSIS
      : first_(is_lower(one, other) ? &one : &other),
        second_(is_lower(one, other) ? &other : &one) {
    disable_preemption();
    first_->lock();
    if (first_ == second_) return;
    if constexpr (kDebugBuild) note_lock_taken(second_, second_->name(), second_->rank(), first_);
    spinlock_acquire(*second_);
  }
  ~PairGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    if (first_ != second_) second_->unlock();
    first_->unlock();
    enable_preemption();
  }
  PairGuard(const PairGuard&) = delete;
  PairGuard& operator=(const PairGuard&) = delete;

 private:
  static bool is_lower(const Spinlock& one, const Spinlock& other) {
    return reinterpret_cast<uintptr_t>(&one) < reinterpret_cast<uintptr_t>(&other);
  }

  Spinlock *first_, *second_;
};

}  // namespace cairn
