// LAB D, item D5: the contract of read-copy-update. Readers take no lock: what they find stays
// usable until they leave; whoever removed it waits for them before freeing it. Until lab D is in,
// there is one processor, and a reader is a stretch of code that isn't preempted (standins/d.cc).
// Source: McKenney and Slingwine, "Read-Copy Update" (1998).
#pragma once

#include "sync/annotations.h"

namespace cairn {

/// Enters and leaves a reader. Readers nest, must not sleep, and may be in interrupt handlers.
void rcu_read_lock();
void rcu_read_unlock();

/// Returns once every reader that was there at the call has left. May sleep; no spinlock held, and
/// not from within a reader.
void synchronize_rcu();

class RcuReader {
 public:
  RcuReader() { rcu_read_lock(); }
  ~RcuReader() { rcu_read_unlock(); }
  RcuReader(const RcuReader&) = delete;
  RcuReader& operator=(const RcuReader&) = delete;
};

}  // namespace cairn
