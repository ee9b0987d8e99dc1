#include "process/out_of_memory.h"

#include "debug/log.h"
#include "metrics/counter.h"
#include "process/process.h"
#include "process/signal.h"
#include "time/clock.h"

namespace cairn {

CAIRN_COUNTER(memory_kill_count, "process.killed_for_memory");

namespace {

constexpr uint64_t kClearlyMore = 2;  // times as much as who asks

struct Candidate {
  RefPtr<Process> process;
  uint64_t own_bytes = 0;
  bool is_ending = false;
};

bool is_ending(const Process& process) {
  return process.exiting || (process.pending.set() & signal_bit(kSigKill)) != 0;
}

/// It has let its memory go.
bool has_ended(Process& process) {
  IrqGuard guard(process_tree_lock);
  return process.state != ProcessState::kAlive;
}

/// Another process that is ending and has, or had, memory; else the one with most of its own.
Candidate find_other(const Process& me) {
  Candidate best;
  for_each_process([&](Process& process) {
    if (&process == &me || process.pid == kInitPid || best.is_ending || has_ended(process)) return;
    Candidate candidate{RefPtr<Process>::share(&process), 0, is_ending(process)};
    if (RefPtr<AddressSpace> space = address_space_of(process)) {
      candidate.own_bytes = space->own_bytes();
    }
    if (candidate.is_ending || candidate.own_bytes > best.own_bytes) best = std::move(candidate);
  });
  return best;
}

}  // namespace

bool end_for_memory() {
  Process& me = *current_process();
  if (is_ending(me)) return false;
  const Candidate other = find_other(me);
  if (!other.process) return false;
  const uint64_t mine = me.pid == kInitPid ? 0 : me.space->own_bytes();
  if (!other.is_ending) {
    if (other.own_bytes <= mine * kClearlyMore) return false;
    log_error("process",
              "out of memory: pid {} ({}) is killed, which has {} KiB of its own; pid {} ({}) "
              "needs a page",
              other.process->pid, other.process->name, other.own_bytes / 1024, me.pid, me.name);
    memory_kill_count.increment();
    send_signal(*other.process, kSigKill);
  }
  Process& ending = *other.process;
  return ending.exited.wait_until([&ending] { return has_ended(ending); },
                                  monotonic_ns() + kEndPatienceNs);
}

}  // namespace cairn
