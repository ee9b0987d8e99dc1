// An alternative to labs/d-smp/spinlock.cc: both halves of a ticket lock in one word, the tickets above.
#include "sync/spinlock.h"

namespace cairn {

namespace {
constexpr uint32_t kTicket = 1u << 16, kTurns = kTicket - 1;
}

void spinlock_acquire(Spinlock& lock) {
  std::atomic<uint32_t>& word = lock.state().words[1];
  uint32_t seen = word.fetch_add(kTicket);
  const uint32_t ticket = seen >> 16;
  while ((seen & kTurns) != ticket) {
    relax_cpu();
    seen = word.load();
  }
}

void spinlock_release(Spinlock& lock) {
  // The turns wrap within their half; others draw tickets meanwhile.
  std::atomic<uint32_t>& word = lock.state().words[1];
  uint32_t seen = word.load();
  while (!word.compare_exchange_weak(seen, (seen & ~kTurns) | ((seen + 1) & kTurns))) {
  }
}

}  // namespace cairn
