#include "sched/scheduler.h"

#include "arch/descriptors.h"
#include "arch/percpu.h"
#include "debug/trace.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "sched/run_queue.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

extern "C" void switch_stacks(uint64_t* save, uint64_t load);  // arch/trap.S

CAIRN_COUNTER(switch_count, "sched.switches");
CAIRN_COUNTER(preemption_count, "sched.preemptions");
CAIRN_COUNTER(wakeup_count, "sched.wakeups");

namespace {

constexpr uint64_t kSliceNs = 10'000'000;

constinit Thread first_thread;  // what ran since boot
constinit Thread* idle_thread = nullptr;
constinit Thread* previous_thread = nullptr;  // between switch_stacks() and finish_switch()

// The tick ends time slices. It is armed while threads run and left alone while the processor idles.
void on_tick(Timer& timer);
constinit Timer tick{on_tick};

void on_tick(Timer& timer) {
  if (is_idle()) return;
  if (run_queue_has_waiting()) this_cpu().need_reschedule = true;
  timer.arm(monotonic_ns() + kSliceNs);
}

void idle_loop(void*) {
  while (true) {
    disable_interrupts();
    if (run_queue_has_waiting()) {
      schedule();
    } else {
      enable_interrupts_and_halt();
    }
  }
}

/// Loads what belongs to `next` besides its stack.
void load_user_state(const Thread& next) {
  if (next.page_table != nullptr) next.page_table->activate();
  if (next.process == nullptr) return;
  next.fpu.restore();
  write_msr(msr::kFsBase, next.fs_base);
}

/// Runs on the new thread's stack: from now on the old thread may run elsewhere or be freed.
void finish_switch() {
  Thread* previous = previous_thread;
  previous->on_cpu.store(false, std::memory_order_release);
  bool dead = previous->state.load(std::memory_order_relaxed) == ThreadState::kDead;
  if (dead && previous != &first_thread) destroy_thread(previous);
}

void switch_to(Cpu& cpu, Thread& from, Thread& to) {
  switch_count.increment();
  trace(TraceEvent::kSwitch, reinterpret_cast<uint64_t>(&to), reinterpret_cast<uint64_t>(&from));
  uint64_t now = read_tsc();
  from.runtime_tsc += now - from.switched_in_tsc;
  to.switched_in_tsc = now;
  if (from.process != nullptr) from.fpu.save();
  to.on_cpu.store(true, std::memory_order_relaxed);
  cpu.current = &to;
  from.preempt_count = cpu.preempt_count;
  cpu.preempt_count = to.preempt_count;
  set_kernel_stack(to.stack_top);
  load_user_state(to);
  if (&from == idle_thread && !tick.armed()) tick.arm(monotonic_ns() + kSliceNs);
  previous_thread = &from;
  switch_stacks(&from.saved_rsp, to.saved_rsp);
  finish_switch();
}

}  // namespace

extern "C" void finish_first_switch() {
  finish_switch();
  enable_interrupts();
}

Result<void> start_scheduler() {
  first_thread.name = "main";
  first_thread.state = ThreadState::kRunning;
  first_thread.on_cpu = true;
  // The boot stack serves as its kernel stack; it never enters user mode.
  this_cpu().current = &first_thread;
  idle_thread = TRY(create_thread("idle", idle_loop, nullptr));
  tick.arm(monotonic_ns() + kSliceNs);
  return {};
}

bool is_idle() { return this_cpu().current == idle_thread; }

void make_ready(Thread& thread) {
  InterruptsOff off;
  thread.state = ThreadState::kReady;
  run_queue_add(thread);
}

void wake_thread(Thread& thread) {
  InterruptsOff off;
  auto blocked = ThreadState::kBlocked;
  if (!thread.state.compare_exchange_strong(blocked, ThreadState::kReady)) return;
  wakeup_count.increment();
  // It may be on its way out on another processor: its registers must be saved first.
  while (thread.on_cpu.load(std::memory_order_acquire) && &thread != current_thread()) relax_cpu();
  run_queue_add(thread);
}

void interrupt_thread(Thread& thread) {
  thread.interrupted = true;
  wake_thread(thread);
}

void schedule() {
  Cpu& cpu = this_cpu();
  Thread& from = *cpu.current;
  cpu.need_reschedule = false;
  auto running = ThreadState::kRunning;
  if (&from != idle_thread && from.state.compare_exchange_strong(running, ThreadState::kReady)) {
    run_queue_add(from);
    cpu.need_reschedule = false;  // adding ourselves is no reason to come back
  }
  Thread* next = run_queue_pick();
  if (next == nullptr) next = idle_thread;
  next->state = ThreadState::kRunning;
  if (next != &from) switch_to(cpu, from, *next);
}

void yield() {
  InterruptsOff off;
  schedule();
}

void preempt_if_due() {
  Cpu& cpu = this_cpu();
  if (!cpu.need_reschedule || cpu.preempt_count != 0 || cpu.current == nullptr) return;
  preemption_count.increment();
  schedule();
}

void yield_if_due() {
  InterruptsOff off;
  preempt_if_due();
}

}  // namespace cairn
