// On the host: nobody switches to another thread while a spinlock is held, so one that is taken twice is a
// deadlock.
#pragma once

#include <atomic>
#include <cstdint>

#include "arch/percpu.h"
#include "host_threads.h"
#include "lib/assert.h"
#include "sync/annotations.h"
#include "sync/lock_order.h"

namespace cairn {

class CAPABILITY("spinlock") Spinlock {
 public:
  constexpr Spinlock(const char* name, LockRank rank) : name_(name), rank_(rank) {}
  Spinlock(const Spinlock&) = delete;
  Spinlock& operator=(const Spinlock&) = delete;
  void lock() ACQUIRE() {
    host::may_switch();
    ASSERT(!held_);
    held_ = true;
    host::unswitched++;
  }
  void unlock() RELEASE() {
    held_ = false;
    host::unswitched--;
    host::may_switch();
  }

 private:
  const char* name_;
  LockRank rank_;
  bool held_ = false;
};

class SCOPED_CAPABILITY Guard {
 public:
  explicit Guard(Spinlock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~Guard() RELEASE() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Spinlock& lock_;
};
using IrqGuard = Guard;

}  // namespace cairn
