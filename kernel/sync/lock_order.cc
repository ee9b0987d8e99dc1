#include "sync/lock_order.h"

#include <atomic>

#include "arch/percpu.h"
#include "lib/assert.h"
#include "lib/format.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

constexpr size_t kSpinlockRanks = size_t(LockRank::kMetadata) + 1;  // those behind are mutexes'

struct Taken {
  std::atomic<uint64_t> count{0};
  std::atomic<const char*> last{nullptr};
};
constinit Taken taken[kSpinlockRanks];

}  // namespace

void note_lock_taken(const void* lock, const char* name, LockRank rank, const void* beside) {
  Cpu& cpu = this_cpu();
  for (uint32_t i = 0; i < cpu.held_lock_count; i++) {
    auto* held = static_cast<const Spinlock*>(cpu.held_locks[i]);
    if (held->rank() > rank || held == beside) continue;
    char text[160];
    BufferWriter out(text);
    print(out, "lock order: taking '{}' while holding '{}', which ranks no higher", name,
          held->name());
    panic(text);
  }
  ASSERT(cpu.held_lock_count < kMaxHeldLocks);
  cpu.held_locks[cpu.held_lock_count++] = lock;
  ASSERT(size_t(rank) < kSpinlockRanks);
  taken[size_t(rank)].count++;
  taken[size_t(rank)].last = name;
}

void note_lock_left(const void* lock) {
  Cpu& cpu = this_cpu();
  for (uint32_t i = cpu.held_lock_count; i > 0; i--) {
    if (cpu.held_locks[i - 1] != lock) continue;
    for (uint32_t j = i; j < cpu.held_lock_count; j++) cpu.held_locks[j - 1] = cpu.held_locks[j];
    cpu.held_lock_count--;
    return;
  }
  panic("a spinlock is released that this processor does not hold");
}

void print_lock_counts(Writer& out) {
  for (const Taken& each : taken) {
    if (each.count != 0) print(out, "taken={} name={}\n", each.count.load(), each.last.load());
  }
}

void print_held_locks(Writer& out) {
  if (!kDebugBuild) return;
  Cpu& cpu = this_cpu();
  if (cpu.held_lock_count == 0) print(out, "no spinlocks held\n");
  for (uint32_t i = 0; i < cpu.held_lock_count; i++) {
    print(out, "holds spinlock '{}'\n", static_cast<const Spinlock*>(cpu.held_locks[i])->name());
  }
}

}  // namespace cairn
