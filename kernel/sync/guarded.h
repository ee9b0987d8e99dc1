// Small state that lives inside its lock: there is no way to it but through with().
#pragma once

#include "sync/spinlock.h"

namespace cairn {

template <class T>
class Guarded {
 public:
  template <class... Arguments>
  constexpr Guarded(const char* name, LockRank rank, Arguments&&... arguments)
      : lock_(name, rank), value_{static_cast<Arguments&&>(arguments)...} {}

  /// Calls `use(T&)` with the lock held and interrupts off; returns what it returns.
  template <class Use>
  auto with(Use use) {
    IrqGuard guard(lock_);
    return use(value_);
  }

 private:
  Spinlock lock_;
  T value_ GUARDED_BY(lock_);
};

}  // namespace cairn
