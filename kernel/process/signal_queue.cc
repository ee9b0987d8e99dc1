#include "process/signal_queue.h"

#include <bit>

#include "memory/heap.h"

namespace cairn {

namespace {
// Places from the heap in use: real-time signals always have those, so that each counts.
constinit std::atomic<uint64_t> queued_count{0};
}  // namespace

uint64_t queued_signal_count() { return queued_count; }

PendingSignals::~PendingSignals() NO_THREAD_SAFETY_ANALYSIS {
  while (QueuedSignal* place = queue_.pop_front()) release(*place);
}

QueuedSignal* PendingSignals::free_place(bool real_time, uint64_t limit) {
  if (!real_time) {
    for (QueuedSignal& place : own_) {
      if (!place.link.linked()) return &place;
    }
  } else if (queued_count >= limit) {
    return nullptr;
  }
  auto* place = new_object<QueuedSignal>();
  if (place != nullptr) queued_count++;
  return place;
}

void PendingSignals::release(QueuedSignal& place) {
  if (is_own(place)) return;
  queued_count--;
  delete &place;
}

Result<void> PendingSignals::add(const SignalInfo& info, uint64_t limit) {
  bool real_time = info.number() >= kFirstRealTimeSignal;
  uint64_t bit = signal_bit(info.number());
  if (!real_time && (set_ & bit) != 0) return {};
  QueuedSignal* place = free_place(real_time, limit);
  if (place != nullptr) {
    place->info = info;
    queue_.push_back(*place);
  } else if (real_time && info.code != kFromUser) {
    return Errno::kEAGAIN;
  }
  set_.fetch_or(bit);
  return {};
}

SignalInfo PendingSignals::take(unsigned signal) {
  SignalInfo info{.signal = int32_t(signal)};  // for one that there was no place for
  bool found = false, more = false;
  for (QueuedSignal& place : queue_) {
    if (place.info.number() != signal) continue;
    more = found;
    if (found) break;
    found = true;
    info = place.info;
    queue_.remove(place);
    release(place);
    if (signal < kFirstRealTimeSignal) break;
  }
  if (!more) set_.fetch_and(~signal_bit(signal));
  return info;
}

void PendingSignals::drop(uint64_t signals) {
  if ((set_ & signals) == 0) return;
  set_.fetch_and(~signals);
  for (QueuedSignal& place : queue_) {
    if ((signal_bit(place.info.number()) & signals) == 0) continue;
    queue_.remove(place);
    release(place);
  }
}

}  // namespace cairn
