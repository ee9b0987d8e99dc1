// LAB D, item D5: the contract of spinlocks. Until lab D is in, there is one processor and the
// stand-in (standins/d.cc) has nothing to spin for: the guards mask what could interleave.
//
// Nothing locks or unlocks by hand; a guard's name says what it does to this processor:
//   Guard      disables preemption. For locks that interrupt handlers never take.
//   IrqGuard   disables interrupts too, and restores them. For locks that handlers take.
//   OffGuard   nothing: the caller has interrupts off, whatever the lock. For paths that count every instruction.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/cpu.h"
#include "arch/percpu.h"
#include "lib/assert.h"
#include "sync/annotations.h"
#include "sync/lock_order.h"

namespace cairn {

class CAPABILITY("spinlock") Spinlock {
 public:
  constexpr Spinlock(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  Spinlock(const Spinlock&) = delete;
  Spinlock& operator=(const Spinlock&) = delete;

  const char* name() const { return name_; }
  LockRank rank() const { return rank_; }

  /// Waits until this processor has the lock. Preemption disabled; never sleeps.
  void lock() ACQUIRE();
  void unlock() RELEASE();

  /// Lab D's words: what they mean is the implementation's business. All zero is "free".
  struct State {
    std::atomic<uint32_t> words[2];
  };
  State& state() { return state_; }

 private:
  const char* name_;
  LockRank rank_;
  State state_{};
};

// ---- LAB D5 ----------------------------------------------------------------------------------
/// Acquires and releases; orders memory like any lock. Preemption disabled by the caller.
void spinlock_acquire(Spinlock& lock);
void spinlock_release(Spinlock& lock);

inline void Spinlock::lock() NO_THREAD_SAFETY_ANALYSIS {
  if constexpr (kDebugBuild) note_lock_taken(this, name_, rank_);
  spinlock_acquire(*this);
}
inline void Spinlock::unlock() NO_THREAD_SAFETY_ANALYSIS {
  spinlock_release(*this);
  if constexpr (kDebugBuild) note_lock_left(this);
}

/// Raises this processor's preemption count.
inline void disable_preemption() { raise_preempt_count(); }
/// Lowers it without yielding: for places that go on to yield or return from an interrupt anyway.
inline void enable_preemption_quietly() { lower_preempt_count(); }
/// The need to reschedule, seen with preemption enabled: give way. Implemented in sched.
void yield_if_due();

/// Lowers the count; yields if a reschedule became due meanwhile.
inline void enable_preemption() {
  enable_preemption_quietly();
  if (this_cpu().need_reschedule) [[unlikely]]
    yield_if_due();
}

class SCOPED_CAPABILITY Guard {
 public:
  explicit Guard(Spinlock& lock) ACQUIRE(lock) : lock_(lock) {
    disable_preemption();
    lock_.lock();
  }
  ~Guard() RELEASE() {
    lock_.unlock();
    enable_preemption();
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Spinlock& lock_;
};

class SCOPED_CAPABILITY IrqGuard {
 public:
  explicit IrqGuard(Spinlock& lock) ACQUIRE(lock)
      : lock_(lock), enabled_(save_and_disable_interrupts()) {
    disable_preemption();
    lock_.lock();
  }
  ~IrqGuard() RELEASE() {
    lock_.unlock();
    enable_preemption_quietly();
    if (!enabled_) return;
    enable_interrupts();
    if (this_cpu().need_reschedule) [[unlikely]]
      yield_if_due();
  }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  Spinlock& lock_;
  bool enabled_;
};

class SCOPED_CAPABILITY OffGuard {
 public:
  explicit OffGuard(Spinlock& lock) ACQUIRE(lock) : lock_(lock) {
    if constexpr (kDebugBuild) ASSERT(!interrupts_enabled());
    lock_.lock();
  }
  ~OffGuard() RELEASE() { lock_.unlock(); }
  OffGuard(const OffGuard&) = delete;
  OffGuard& operator=(const OffGuard&) = delete;

 private:
  Spinlock& lock_;
};

/// Interrupts off for a scope, with no lock.
class InterruptsOff {
 public:
  InterruptsOff() : enabled_(save_and_disable_interrupts()) {}
  ~InterruptsOff() {
    if (enabled_) enable_interrupts();
  }
  InterruptsOff(const InterruptsOff&) = delete;
  InterruptsOff& operator=(const InterruptsOff&) = delete;

 private:
  bool enabled_;
};

}  // namespace cairn
