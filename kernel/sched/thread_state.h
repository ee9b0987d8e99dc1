// What a thread does, and whether a processor still stands on its stack, in one word. Who puts a thread
// into a run queue follows from it, so nobody has to wait for anybody:
//
//   blocked, on no processor    its waker queues it
//   blocked, on a processor     its waker makes it ready and queues nothing; the processor that
//   running, gives way          switches away from it queues it, once its registers are saved
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn {

/// One of the first four, with kOnCpu while a processor is on the thread's stack: its registers aren't saved.
enum class ThreadState : uint8_t {
  kReady = 1,    // in a run queue; with kOnCpu: about to be, or to go on
  kRunning = 2,  // on a processor
  kBlocked = 4,  // in a wait queue; with kOnCpu: about to switch away, or to find that it needn't
  kDead = 8,     // freed by the next thread that runs on its processor
  kOnCpu = 16,
};
constexpr ThreadState operator|(ThreadState a, ThreadState b) {
  return ThreadState(uint8_t(a) | uint8_t(b));
}
constexpr ThreadState without_cpu(ThreadState state) {
  return ThreadState(uint8_t(state) & ~uint8_t(ThreadState::kOnCpu));
}
constexpr bool is_on_cpu(ThreadState state) { return without_cpu(state) != state; }

/// What a waker did, and whether it is to put the thread into a run queue.
enum class Woken : uint8_t {
  kNot,        // it wasn't blocked
  kLeaving,    // a processor is on its stack, and goes on with it or queues it
  kMustQueue,  // the waker is to queue it
};

class RunState {
 public:
  constexpr explicit RunState(ThreadState state) : word_(state) {}

  /// A snapshot, with kOnCpu.
  ThreadState load() const { return word_.load(std::memory_order_relaxed); }

  // The thread itself, on its processor.

  /// From now on wakers find it blocked. What it reads later isn't older than what they wrote before.
  void block() { word_.store(ThreadState::kBlocked | ThreadState::kOnCpu); }
  /// Running again, whether or not it was woken: nobody has queued it, for it never left its processor.
  void go_on() { enter(); }
  void die() { word_.store(ThreadState::kDead | ThreadState::kOnCpu); }

  // The processor that switches, interrupts off.

  /// Whether the running thread can go on: it runs, or was woken before it left.
  bool stays() {
    if (load() == (ThreadState::kRunning | ThreadState::kOnCpu)) return true;
    if (load() != (ThreadState::kReady | ThreadState::kOnCpu)) return false;
    enter();
    return true;
  }
  /// A running thread will be ready once it has left; a blocked or dead one stays so.
  void give_way() {
    if (load() != (ThreadState::kRunning | ThreadState::kOnCpu)) return;
    word_.store(ThreadState::kReady | ThreadState::kOnCpu, std::memory_order_relaxed);
  }
  /// A thread from a run queue, which no processor is on.
  void enter() {
    word_.store(ThreadState::kRunning | ThreadState::kOnCpu, std::memory_order_relaxed);
  }
  /// Its registers are saved. Returns what it is now: who is ready is to be queued, who is dead to be freed, by
  /// the caller; anybody else may be running elsewhere already.
  ThreadState leave() {
    ThreadState seen = load();
    while (!word_.compare_exchange_weak(seen, without_cpu(seen))) {
    }
    return without_cpu(seen);
  }

  // Anybody, on any processor.

  Woken wake() {
    auto seen = ThreadState::kBlocked;
    while (without_cpu(seen) == ThreadState::kBlocked) {
      bool leaving = is_on_cpu(seen);
      auto ready = leaving ? ThreadState::kReady | ThreadState::kOnCpu : ThreadState::kReady;
      if (word_.compare_exchange_weak(seen, ready)) {
        return leaving ? Woken::kLeaving : Woken::kMustQueue;
      }
    }
    return Woken::kNot;
  }

 private:
  std::atomic<ThreadState> word_;
};

}  // namespace cairn
