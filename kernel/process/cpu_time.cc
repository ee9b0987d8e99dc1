#include "process/cpu_time.h"

#include <algorithm>

#include "metrics/counter.h"
#include "process/process.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "time/clock.h"

namespace cairn {

CAIRN_COUNTER(user_tick_count, "process.user_ticks");
CAIRN_COUNTER(kernel_tick_count, "process.kernel_ticks");

namespace {

CpuUse cpu_use_of(const UserThread& thread) {
  bool runs_here = &thread == current_thread();
  uint64_t since_switch = runs_here ? read_tsc() - thread.switched_in_tsc : 0;
  return {thread.runtime_tsc + since_switch, thread.user_ticks, thread.kernel_ticks};
}

/// part of whole, of a number so large that the product might not fit.
uint64_t share(uint64_t ns, uint64_t part, uint64_t whole) {
  return ns / whole * part + ns % whole * part / whole;
}

/// One tick of a process's time passed; sends the signal of a timer that has run down.
void pass(Process& process, TickTimer& timer, unsigned signal) REQUIRES(process_tree_lock) {
  if (timer.left_ns == 0) return;
  timer.left_ns -= std::min(timer.left_ns, kSliceNs);
  if (timer.left_ns != 0) return;
  timer.left_ns = timer.interval_ns;
  (void)send_signal_locked(process, nullptr, SignalInfo::from_kernel(signal));
}

/// SIGXCPU at the soft limit and each second beyond, the end at the hard one.
void check_limit(Process& process) REQUIRES(process_tree_lock) {
  const ResourceLimit& limit = process.limits[kLimitCpu];
  uint64_t& warn_at_s = process.cpu_warning_s;
  if (limit.soft == kNoLimit && limit.hard == kNoLimit) return;
  uint64_t seconds = cpu_time_of(process).total_ns() / 1'000'000'000;
  if (seconds >= limit.hard) {
    (void)send_signal_locked(process, nullptr, SignalInfo::from_kernel(kSigKill));
  } else if (seconds >= std::max(limit.soft, warn_at_s)) {
    warn_at_s = seconds + 1;
    (void)send_signal_locked(process, nullptr, SignalInfo::from_kernel(kSigCpuLimit));
  }
}

}  // namespace

void CpuTime::advance(const CpuTime& now) {
  uint64_t total = std::max(now.total_ns(), total_ns());
  kernel_ns = std::clamp(now.kernel_ns, kernel_ns, total - user_ns);
  user_ns = total - kernel_ns;
}

CpuTime CpuUse::time() const {
  uint64_t total = ns_of_tsc(tsc), samples = user_samples + kernel_samples;
  uint64_t kernel = samples == 0 ? 0 : share(total, kernel_samples, samples);
  return {total - kernel, kernel};
}

CpuTime cpu_time_of(Process& process) {
  CpuUse use = process.ended_threads;
  for (const UserThread& thread : process.threads) use += cpu_use_of(thread);
  process.told_cpu_time.advance(use.time());
  return process.told_cpu_time;
}

CpuTime my_cpu_time() {
  InterruptsOff off;
  return cpu_use_of(current_user_thread()).time();
}

ResourceUse use_of(Process& process) {
  ResourceUse use{cpu_time_of(process), process.ended_faults};
  for (const UserThread& thread : process.threads) use.faults += thread.faults;
  return use;
}

ResourceUse my_use() { return {my_cpu_time(), current_user_thread().faults}; }

void keep_use(Process& process, UserThread& me) {
  process.ended_threads += cpu_use_of(me);
  process.ended_faults += me.faults;
}

CpuUse ticks_of_all() { return {0, user_tick_count.value(), kernel_tick_count.value()}; }

void account_tick(Thread& running, bool in_user_mode) {
  (in_user_mode ? user_tick_count : kernel_tick_count).increment();
  if (running.process == nullptr) return;
  Process& process = *running.process;
  IrqGuard guard(process_tree_lock);
  if (in_user_mode) pass(process, process.virtual_timer, kSigVirtualAlarm);
  pass(process, process.profile_timer, kSigProfile);
  check_limit(process);
}

}  // namespace cairn
