#include "futex/futex.h"

#include "address_space/address_space.h"
#include "address_space/user_copy.h"
#include "arch/layout.h"
#include "futex/waiters.h"
#include "metrics/counter.h"
#include "sched/wait_queue.h"
#include "sync/pair_guard.h"

namespace cairn {

// What is queued leaves in one of two ways.
CAIRN_COUNTER(futex_wait_count, "futex.waits");
CAIRN_COUNTER(futex_wake_count, "futex.wakes");
CAIRN_COUNTER(futex_leave_count, "futex.given_up");
CAIRN_COUNTER(futex_requeue_count, "futex.requeues");

namespace {

/// EINVAL, EFAULT.
Result<FutexKey> key_of(const FutexWord& word) {
  AddressSpace* space = current_address_space();
  if (!is_aligned(word.address.value, sizeof(uint32_t))) return Errno::kEINVAL;
  if (!is_user_range(word.address, sizeof(uint32_t))) return Errno::kEFAULT;
  if (word.is_private) return FutexKey{reinterpret_cast<uint64_t>(space), word.address.value};
  auto place = TRY(space->shared_place(word.address));
  if (place.object != 0) return FutexKey{place.object, place.offset};
  // Words are aligned, so the low bit is free to tell it from a private one.
  return FutexKey{reinterpret_cast<uint64_t>(space), place.offset | 1};
}

/// With the lock that they were queued under.
uint64_t wake(FutexGuests& taken) {
  uint64_t woken = 0;
  while (FutexGuest* guest = taken.pop_front()) {
    auto& waiter = static_cast<FutexWaiter&>(*guest);
    waiter.is_woken = true;
    wake_thread(waiter.thread);
    woken++;
  }
  futex_wake_count.increment(woken);
  return woken;
}

uint64_t wake_some(FutexBucket& bucket, const FutexKey& key, uint64_t count, uint32_t bits)
    REQUIRES(bucket.lock) {
  if (bucket.queues.empty()) return 0;  // as mostly
  FutexGuests taken;
  bucket.take(key, count, bits, taken);
  return wake(taken);
}

/// Queues the waiter if the word, which was just read, is still `expected`: EAGAIN if it isn't. False: it isn't present.
Result<bool> queue_if_unchanged(FutexWaiter& me, const FutexKey& key, VirtAddr word,
                                uint32_t expected) {
  FutexBucket& bucket = futex_bucket(key);
  Guard guard(bucket.lock);
  auto now = load_present_word(word);
  if (!now) return false;
  if (*now != expected) return Errno::kEAGAIN;
  bucket.add(me, key);
  futex_wait_count.increment();
  return true;
}

/// Takes the waiter out wherever he is by now. False: he was woken, and his waker is through with him.
bool leave(FutexWaiter& me) {
  while (true) {
    FutexBucket* bucket = me.bucket;
    Guard guard(bucket->lock);
    if (bucket != me.bucket) continue;  // requeued meanwhile
    if (!me.is_queued) return false;
    bucket->remove(me);
    futex_leave_count.increment();
    return true;
  }
}

}  // namespace

Result<void> futex_wait(const FutexWord& word, uint32_t expected, uint32_t bits,
                        uint64_t deadline_ns) {
  if (bits == 0) return Errno::kEINVAL;
  FutexKey key = TRY(key_of(word));
  FutexWaiter me(*current_thread(), bits);
  do {
    // Brings it in; and most who are too late learn it here.
    if (TRY(read_user<uint32_t>(word.address)) != expected) return Errno::kEAGAIN;
  } while (!TRY(queue_if_unchanged(me, key, word.address, expected)));
  WaitQueue nobody_wakes("futex");
  auto waited =
      nobody_wakes.wait_until_interruptible([&me] { return me.is_woken.load(); }, deadline_ns);
  if (!leave(me)) return {};
  return waited.error() == Errno::kEAGAIN ? Errno::kETIMEDOUT : waited.error();
}

Result<uint64_t> futex_wake(const FutexWord& word, uint64_t count, uint32_t bits) {
  if (bits == 0) return Errno::kEINVAL;
  FutexKey key = TRY(key_of(word));
  FutexBucket& bucket = futex_bucket(key);
  Guard guard(bucket.lock);
  return wake_some(bucket, key, count, bits);
}

namespace {

/// Has up to `count` who wait for one key wait for another; how many.
uint64_t move_some(FutexBucket& from_bucket, const FutexKey& from, FutexBucket& to_bucket,
                   const FutexKey& to, uint64_t count) REQUIRES(from_bucket.lock, to_bucket.lock) {
  FutexGuests taken;
  uint64_t moved = from_bucket.take(from, count, kAnyBit, taken);
  while (FutexGuest* guest = taken.pop_front())
    to_bucket.add(static_cast<FutexWaiter&>(*guest), to);
  futex_requeue_count.increment(moved);
  return moved;
}

/// EAGAIN; nothing if the word isn't present.
Result<std::optional<uint64_t>> requeue_once(const FutexKey& from, const FutexKey& to,
                                             RequeueCounts most, VirtAddr word,
                                             std::optional<uint32_t> expected) {
  FutexBucket &from_bucket = futex_bucket(from), &to_bucket = futex_bucket(to);
  PairGuard guard(from_bucket.lock, to_bucket.lock);
  if (expected) {
    auto now = load_present_word(word);
    if (!now) return std::optional<uint64_t>();
    if (*now != *expected) return Errno::kEAGAIN;
  }
  uint64_t woken = wake_some(from_bucket, from, most.wake, kAnyBit);
  return std::optional(woken + move_some(from_bucket, from, to_bucket, to, most.requeue));
}

}  // namespace

Result<uint64_t> futex_requeue(const FutexWord& from, const FutexWord& to, RequeueCounts most,
                               std::optional<uint32_t> expected) {
  FutexKey from_key = TRY(key_of(from)), to_key = TRY(key_of(to));
  while (true) {
    if (expected) TRY(read_user<uint32_t>(from.address));
    if (auto done = TRY(requeue_once(from_key, to_key, most, from.address, expected))) return *done;
  }
}

namespace {

Result<uint32_t> apply(const FutexOperation& operation, uint32_t old) {
  auto operand = uint32_t(operation.operand);
  switch (operation.operation) {
    case 0: return operand;
    case 1: return old + operand;
    case 2: return old | operand;
    case 3: return old & ~operand;
    case 4: return old ^ operand;
    default: return Errno::kENOSYS;
  }
}

Result<bool> compare(const FutexOperation& operation, uint32_t old) {
  auto value = int32_t(old);
  switch (operation.comparison) {
    case 0: return value == operation.compared;
    case 1: return value != operation.compared;
    case 2: return value < operation.compared;
    case 3: return value <= operation.compared;
    case 4: return value > operation.compared;
    case 5: return value >= operation.compared;
    default: return Errno::kENOSYS;
  }
}

/// Changes the word; what it was, nothing if it isn't present to be written to. ENOSYS.
Result<std::optional<uint32_t>> change_word(VirtAddr word, const FutexOperation& operation) {
  auto old = load_present_word(word);
  while (old) {
    auto seen = exchange_present_word(word, *old, TRY(apply(operation, *old)));
    if (seen == old) break;
    old = seen;
  }
  return old;
}

}  // namespace

Result<uint64_t> futex_wake_op(const FutexWord& first, const FutexWord& second, uint64_t most_first,
                               uint64_t most_second, const FutexOperation& operation) {
  FutexKey key = TRY(key_of(first)), second_key = TRY(key_of(second));
  FutexBucket &bucket = futex_bucket(key), &second_bucket = futex_bucket(second_key);
  while (true) {
    {
      PairGuard guard(bucket.lock, second_bucket.lock);
      if (auto old = TRY(change_word(second.address, operation))) {
        bool compares = TRY(compare(operation, *old));
        uint64_t woken = wake_some(bucket, key, most_first, kAnyBit);
        return woken + (compares ? wake_some(second_bucket, second_key, most_second, kAnyBit) : 0);
      }
    }
    TRY(exchange_user_word(second.address, 0, 0));  // brings it in, to be written to
  }
}

}  // namespace cairn
