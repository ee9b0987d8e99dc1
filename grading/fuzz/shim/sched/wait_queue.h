// On the host: who waits looks again once somebody woke the queue, and not before.
#pragma once

#include "lib/assert.h"
#include "lib/list.h"
#include "lib/result.h"
#include "sync/spinlock.h"

namespace cairn {

inline constexpr uint64_t kNoDeadline = UINT64_MAX;  // ns

class WaitQueue {
 public:
  constexpr explicit WaitQueue(const char* name) : name_(name) {}
  template <class Predicate>
  void wait_until(Predicate predicate) {
    while (true) {
      uint64_t seen = wakes_;
      if (predicate()) return;
      host::wait_for_change(wakes_, seen, name_);
    }
  }
  void wake_one() { wake_all(); }
  void wake_all() {
    wakes_++;
    host::may_switch();
  }

 private:
  const char* name_;
  uint64_t wakes_ = 0;
};

}  // namespace cairn
