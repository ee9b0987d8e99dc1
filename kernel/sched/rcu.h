// LAB D, item D5: the contract of read-copy-update. Readers take no lock: what they find stays
// usable until they leave. Who removes something unlinks it, so that no new reader finds it, and
// frees it after a *grace period*: once every reader that was there has left. Removers don't wait for
// that, they ask for it (call_rcu()) and go on. Until lab D is in, there is one processor, and a
// reader is a stretch of code that isn't preempted (standins/d.cc).
// Source: McKenney and Slingwine, "Read-Copy Update" (1998); McKenney, "Is Parallel Programming Hard",
// "Read-Copy Update (RCU)".
#pragma once

#include "lib/result.h"
#include "sync/annotations.h"

namespace cairn {

// ---- LAB D5 ----------------------------------------------------------------------------------

/// Enters and leaves a reader. Readers nest, must not sleep, and may be in interrupt handlers.
void rcu_read_lock();
void rcu_read_unlock();

/// Returns once every reader that was there at the call has left. May sleep; no spinlock held, not
/// from within a reader, and no lock held that a reader or an RCU callback may wait for.
void synchronize_rcu();

// ---- Provided (sched/rcu.cc) -----------------------------------------------------------------

class RcuReader {
 public:
  RcuReader() { rcu_read_lock(); }
  ~RcuReader() { rcu_read_unlock(); }
  RcuReader(const RcuReader&) = delete;
  RcuReader& operator=(const RcuReader&) = delete;
};

/// The base of what is to be freed, so that asking needs no memory. Both fields are call_rcu()'s.
struct RcuHead {
  RcuHead* rcu_next = nullptr;
  void (*rcu_function)(RcuHead& head) = nullptr;
};

/// Has `function(head)` run in a thread once every reader that was there at the call has left, and some
/// 10 ms may go by before: requests share grace periods. `head` is the callback's from now on. Callbacks
/// run one after the other, in the order in which they were asked for, and may sleep.
/// Any context that holds no lock of rank kWaitQueue or below.
void call_rcu(RcuHead& head, void (*function)(RcuHead& head));

/// Returns once every callback that was asked for before has run, and waits for no 10 ms. May sleep; as
/// synchronize_rcu(), and not from a callback.
void rcu_barrier();

/// Starts the callbacks' thread. Once, at boot, after start_scheduler(). ENOMEM.
Result<void> start_rcu();

}  // namespace cairn
