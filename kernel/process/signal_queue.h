// Signals that were sent and not yet acted on, of a process or of one thread: a set, which anybody may read, and a
// queue in order of arrival with what is told of each. A standard signal is pending once, however often it is sent
// meanwhile; a real-time signal as often as it is sent.
//
// The first few take their places in the queue from here, so that an ordinary signal needs no memory; more come
// from the heap. A standard signal for which there is none is pending all the same, with nothing told of it.
#pragma once

#include <atomic>

#include "lib/list.h"
#include "lib/result.h"
#include "process/signal_info.h"
#include "process/tree_lock.h"

namespace cairn {

struct QueuedSignal {
  SignalInfo info;
  ListLink link;  // unlinked: free, if it is one of PendingSignals' own
};

/// How many real-time signals may be queued.
inline constexpr uint64_t kMaxQueuedSignals = 8192;

class PendingSignals {
 public:
  PendingSignals() = default;
  ~PendingSignals();
  PendingSignals(const PendingSignals&) = delete;
  PendingSignals& operator=(const PendingSignals&) = delete;

  /// Those that are pending; a snapshot without the lock.
  uint64_t set() const { return set_.load(); }

  /// Queues one. EAGAIN for a real-time signal, except from kill(), if there are `limit` in the system's queues
  /// already, or no memory.
  Result<void> add(const SignalInfo& info, uint64_t limit) REQUIRES(process_tree_lock);
  /// Takes out the one of this number that came first; it is pending.
  SignalInfo take(unsigned signal) REQUIRES(process_tree_lock);
  /// Forgets all of these signals.
  void drop(uint64_t signals) REQUIRES(process_tree_lock);

 private:
  static constexpr unsigned kOwnPlaces = 2;

  QueuedSignal* free_place(bool real_time, uint64_t limit) REQUIRES(process_tree_lock);
  void release(QueuedSignal& place);
  bool is_own(const QueuedSignal& place) const {
    return &place >= own_ && &place < own_ + kOwnPlaces;
  }

  std::atomic<uint64_t> set_{0};
  List<QueuedSignal, &QueuedSignal::link> queue_ GUARDED_BY(process_tree_lock);
  QueuedSignal own_[kOwnPlaces];
};

/// Real-time signals that are queued somewhere, for RLIMIT_SIGPENDING: all processes are one user's.
uint64_t queued_signal_count();

}  // namespace cairn
