#include "sched/scheduler.h"

#include "arch/descriptors.h"
#include "arch/trap_frame.h"
#include "debug/trace.h"
#include "interrupts/ipi.h"
#include "interrupts/irq.h"
#include "memory/heap.h"
#include "memory/kernel_stack.h"
#include "metrics/counter.h"
#include "sched/load.h"
#include "sched/run_queue.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

extern "C" void switch_stacks(uint64_t* save, uint64_t load);  // arch/trap.S

CAIRN_COUNTER(switch_count, "sched.switches");
CAIRN_COUNTER(preemption_count, "sched.preemptions");
CAIRN_COUNTER(wakeup_count, "sched.wakeups");
// Each counts on the processor where it happens; what waits is the difference of the sums.
CAIRN_COUNTER(queued_count, "sched.queued");
CAIRN_COUNTER(picked_count, "sched.picked");

namespace {

/// If the thread is on another processor, that one looks at it soon. Interrupts off or not.
void ask_processor_of(const Thread& thread) {
  InterruptsOff off;
  bool elsewhere = is_on_cpu(thread.state.load()) && thread.last_cpu != this_cpu().id;
  if (elsewhere) request_reschedule(thread.last_cpu);
}

/// Every way into a run queue.
void queue(Thread& thread, QueueReason reason) {
  queued_count.increment();
  run_queue_add(thread, reason);
}

/// Ends time slices. It is armed while threads run and left alone while the processor idles.
void on_tick(Timer& timer) {
  if (is_idle()) return;
  Cpu& cpu = this_cpu();
  (cpu.interrupted_user ? cpu.current->user_ticks : cpu.current->kernel_ticks)++;
  account_tick(*cpu.current, cpu.interrupted_user);
  if (++cpu.ticks_since_balance >= kBalanceNs / kSliceNs) {
    cpu.ticks_since_balance = 0;
    run_queue_balance();
  }
  if (run_queue_has_waiting()) cpu.need_reschedule = true;
  const uint64_t now_ns = monotonic_ns();
  sample_load(now_ns);
  timer.arm(now_ns + kSliceNs);
}

/// Another processor sent kRescheduleVector: the interrupt's end does the rest.
void on_reschedule_request(void*) { this_cpu().need_reschedule = true; }

/// Interrupts stay off from the look to the HLT, so an interrupt that brings work comes before the look or
/// ends the HLT.
void idle_loop(void*) {
  while (true) {
    disable_interrupts();
    schedule();
    if (run_queue_has_waiting()) continue;
    enable_interrupts_and_halt();
  }
}

/// Loads what belongs to `next` besides its stack.
void load_user_state(const Thread& next) {
  if (next.page_table != nullptr) next.page_table->activate();
  if (next.process == nullptr) return;
  next.fpu.restore();
  write_msr(msr::kFsBase, next.fs_base);
}

/// Runs on the new thread's stack. The old one's registers are saved: from leave() on it may run elsewhere.
void finish_switch() {
  Thread& previous = *this_cpu().previous_thread;
  switch (previous.state.leave()) {
    case ThreadState::kReady: return queue(previous, QueueReason::kGaveWay);
    case ThreadState::kDead: return destroy_thread(&previous);
    default: return;
  }
}

void switch_to(Cpu& cpu, Thread& from, Thread& to) {
  switch_count.increment();
  trace(TraceEvent::kSwitch, reinterpret_cast<uint64_t>(&to), reinterpret_cast<uint64_t>(&from));
  uint64_t now = read_tsc();
  from.runtime_tsc += now - from.switched_in_tsc;
  to.switched_in_tsc = now;
  if (from.process != nullptr) from.fpu.save();
  to.state.enter();
  to.last_cpu = cpu.id;
  cpu.current = &to;
  cpu.known_calls = to.known_calls;
  from.preempt_count = cpu.preempt_count;
  cpu.preempt_count = to.preempt_count;
  set_kernel_stack(cpu, to.stack_top);
  load_user_state(to);
  if (&from == cpu.idle_thread && !cpu.tick->armed()) cpu.tick->arm(monotonic_ns() + kSliceNs);
  cpu.previous_thread = &from;
  forget_old_kernel_stacks();
  switch_stacks(&from.saved_rsp, to.saved_rsp);
  finish_switch();
}

}  // namespace

extern "C" void finish_first_switch() {
  finish_switch();
  enable_interrupts();
}

Result<void> start_scheduler(const char* name, VirtAddr stack_top) {
  Cpu& cpu = this_cpu();
  if (&cpu == &boot_cpu) register_vector(kRescheduleVector, on_reschedule_request, nullptr);
  TRY(run_queue_start(cpu));
  cpu.idle_thread = TRY(create_thread("idle", idle_loop, nullptr));
  cpu.tick = new_object<Timer>(on_tick);
  auto* first = new_object<Thread>();
  if (cpu.tick == nullptr || first == nullptr) return Errno::kENOMEM;
  first->name = name;
  first->stack_top = stack_top;
  first->state.enter();
  cpu.current = first;
  cpu.tick->arm(monotonic_ns() + kSliceNs);
  return {};
}

bool is_idle(const Cpu& cpu) {
  return __atomic_load_n(&cpu.current, __ATOMIC_RELAXED) == cpu.idle_thread;
}
bool is_idle() { return is_idle(this_cpu()); }

uint64_t runnable_count() {
  uint64_t picked = picked_count.value(), queued = queued_count.value();
  uint64_t count = queued > picked ? queued - picked : 0;
  for (const Cpu* cpu : all_cpus()) count += !is_idle(*cpu);
  return count;
}

void make_ready(Thread& thread) {
  InterruptsOff off;
  queue(thread, QueueReason::kNew);
}

void wake_thread(Thread& thread, Wake when) {
  InterruptsOff off;
  Woken woken = thread.state.wake();
  if (woken == Woken::kNot) return;
  wakeup_count.increment();
  if (woken != Woken::kMustQueue) return;
  queue(thread, when == Wake::kNow ? QueueReason::kWoken : QueueReason::kWokenForLater);
}

void interrupt_thread(Thread& thread) {
  thread.interrupted = true;
  wake_thread(thread);
  ask_processor_of(thread);
}

void request_reschedule(CpuId cpu) {
  if (cpu == this_cpu().id) {
    this_cpu().need_reschedule = true;
  } else {
    send_ipi(cpu, kRescheduleVector);
  }
}

void note_known_calls_changed(Thread& thread) {
  InterruptsOff off;
  Cpu& cpu = this_cpu();
  if (&thread == cpu.current) {
    cpu.known_calls = thread.known_calls;
  } else {
    ask_processor_of(thread);  // schedule() looks
  }
}

void set_allowed_cpus(Thread& thread, CpuSet cpus) {
  InterruptsOff off;
  thread.allowed_cpus = cpus;
  if (is_on_cpu(thread.state.load())) request_reschedule(thread.last_cpu);
}

namespace {

/// False if the caller just goes on.
bool switch_if_due(bool give_way) {
  Cpu& cpu = this_cpu();
  Thread& from = *cpu.current;
  // Sequentially consistent: a reader that comes later sees what was unlinked before.
  cpu.schedule_count.fetch_add(1);
  cpu.known_calls = from.known_calls;
  bool idle = &from == cpu.idle_thread;
  cpu.need_reschedule = false;
  bool stays = !idle && from.state.stays();
  // Switched away from, it goes to another processor.
  bool must_leave = stays && !from.allowed_cpus.load().has(cpu.id);
  Thread* next = run_queue_pick(stays && !give_way && !must_leave ? &from : nullptr);
  if (next == nullptr && stays && !must_leave) return false;
  if (next == nullptr) next = run_queue_steal();
  if (next == nullptr) {
    next = cpu.idle_thread;
  } else {
    picked_count.increment();
  }
  if (next == &from) return false;
  if (!idle) from.state.give_way();
  switch_to(cpu, from, *next);
  return true;
}

}  // namespace

void schedule() { switch_if_due(false); }

void yield() {
  InterruptsOff off;
  if (!switch_if_due(true)) relax_cpu();  // whoever is waited for runs elsewhere
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
