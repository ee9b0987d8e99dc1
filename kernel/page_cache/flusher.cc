// The thread that writes dirty pages back, and the limit beyond which writers wait for it.
#include <algorithm>

#include "memory/frame_allocator.h"
#include "page_cache/parts.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace cairn {

CAIRN_COUNTER(flush_count, "cache.flushes");
CAIRN_COUNTER(throttled_count, "cache.throttled");

namespace {

constexpr uint64_t kFlushDelayNs = 5'000'000'000;
constexpr uint64_t kLeastDirtyLimit = 64;  // pages
constexpr uint64_t kShrinkAtOnce = 512;    // of each kind of others

using WriteBackAll = void (*)();
using Shrink = uint64_t (*)(uint64_t wanted);
constinit WriteBackAll write_everything_back = nullptr;
constinit Shrink shrink_others = nullptr;
constinit std::atomic<bool> running{false};
constinit Thread* flusher = nullptr;      // set before it runs
constinit std::atomic<bool> soon{false};  // something is dirty
constinit std::atomic<bool> now{false};   // it is to be written at once
constinit WaitQueue flusher_queue{"dirty pages"};

// Those who wait for what others give back.
constinit std::atomic<uint32_t> wanting{0};
constinit std::atomic<uint64_t> shrunk{0};  // how much went

// Writers that wait.
constinit std::atomic<uint64_t> rounds{0};  // of the flusher, complete
constinit std::atomic<uint32_t> throttled{0};
constinit WaitQueue throttle_queue{"disk"};

[[noreturn]] void flush_for_ever(void*) {
  while (true) {
    flusher_queue.wait_until([] { return soon.load() || now.load(); });
    // Soon, not now: what changes together goes together. The only error is that time is up.
    (void)flusher_queue.wait_until_interruptible([] { return now.load(); },
                                                 monotonic_ns() + kFlushDelayNs);
    soon = false;
    now = false;
    flush_count.increment();
    write_everything_back();
    if (wanting.load() != 0) shrunk.fetch_add(shrink_others(kShrinkAtOnce));
    if (unwritten_page_count() != 0) soon = true;  // became dirty behind our back
    rounds.fetch_add(1);
    throttle_queue.wake_all();
  }
}

}  // namespace

uint64_t dirty_page_limit() {
  // A quarter of what the cache has or could take.
  uint64_t available = free_frame_count() + cached_page_count();
  return std::max(kLeastDirtyLimit, available / 4);
}

Result<void> start_flusher(void (*write_back_all)(), uint64_t (*shrink)(uint64_t wanted)) {
  write_everything_back = write_back_all;
  shrink_others = shrink;
  flusher = TRY(create_thread("flusher", flush_for_ever, nullptr));
  running = true;
  make_ready(*flusher);
  return {};
}

void wake_flusher() {
  if (!now.exchange(true)) flusher_queue.wake_all();
}

void flush_soon() {
  if (!soon.load(std::memory_order_relaxed) && !soon.exchange(true)) flusher_queue.wake_all();
}

void note_pages_written() {
  if (throttled.load() != 0) throttle_queue.wake_all();
}

bool shrink_others_by_flusher() {
  if (!running.load() || current_thread() == flusher) return false;
  uint64_t before = shrunk.load();
  wanting.fetch_add(1);
  uint64_t enough = rounds.load() + 2;  // the second round from now began after this call
  throttle_queue.wait_until([=] {
    if (shrunk.load() != before || rounds.load() >= enough) return true;
    wake_flusher();
    return false;
  });
  wanting.fetch_sub(1);
  return shrunk.load() != before;
}

void balance_dirty_pages() {
  uint64_t limit = dirty_page_limit();
  if (unwritten_page_count() <= limit / 2) return;
  wake_flusher();
  if (unwritten_page_count() <= limit || !running.load()) return;
  throttled_count.increment();
  throttled.fetch_add(1);
  // The second round from now began after this call. If there is still too much, the pages belong
  // to somebody whom the flusher can't help.
  uint64_t enough = rounds.load() + 2;
  throttle_queue.wait_until([=] {
    if (unwritten_page_count() <= limit || rounds.load() >= enough) return true;
    wake_flusher();
    return false;
  });
  throttled.fetch_sub(1);
}

}  // namespace cairn
