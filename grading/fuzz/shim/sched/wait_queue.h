// On the host: nobody else can make a condition true, so waiting for a false one is a hang.
#pragma once

#include "lib/assert.h"
#include "lib/list.h"
#include "lib/result.h"
#include "sync/spinlock.h"

namespace cairn {

inline constexpr uint64_t kNoDeadline = UINT64_MAX;  // ns

class WaitQueue {
 public:
  constexpr explicit WaitQueue(const char*) {}
  template <class Predicate>
  void wait_until(Predicate predicate) {
    if (!predicate()) panic("waits for ever");
  }
  void wake_one() {}
  void wake_all() {}
};

}  // namespace cairn
