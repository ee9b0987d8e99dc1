// What processes used: times, getrusage.
#include "address_space/user_copy.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "syscalls/usage.h"
#include "time/clock.h"

namespace cairn {

namespace {

constexpr uint64_t kTickNs = 10'000'000;  // of clock_t: 100 a second, whatever the scheduler's are

struct Times {
  uint64_t user, kernel, user_of_children, kernel_of_children;
};

/// struct rusage. What isn't counted: the largest resident size and others of memory; swaps, blocks, messages, signals,
/// switches.
struct Usage {
  TimeValue user, kernel;
  uint64_t of_memory[4];
  uint64_t minor_faults, major_faults;
  uint64_t others[8];
};

}  // namespace

Result<void> store_usage(uint64_t address, const ResourceUse& use) {
  if (address == 0) return {};
  Usage usage{to_timevalue(use.time.user_ns),
              to_timevalue(use.time.kernel_ns),
              {},
              use.faults.minor,
              use.faults.major,
              {}};
  return write_user(VirtAddr(address), usage);
}

int64_t sys_times(TrapFrame& call) {
  Process& me = *current_process();
  CpuTime mine, of_children;
  {
    IrqGuard guard(process_tree_lock);
    mine = cpu_time_of(me);
    of_children = me.children_use.time;
  }
  Times times{mine.user_ns / kTickNs, mine.kernel_ns / kTickNs, of_children.user_ns / kTickNs,
              of_children.kernel_ns / kTickNs};
  if (argument0(call) != 0) {
    auto stored = write_user(VirtAddr(argument0(call)), times);
    if (!stored.ok()) return failure(stored.error());
  }
  return int64_t(monotonic_ns() / kTickNs);
}

int64_t sys_getrusage(TrapFrame& call) {
  constexpr int kSelf = 0, kChildren = -1, kThread = 1;
  auto who = int(argument0(call));
  if (who != kSelf && who != kChildren && who != kThread) return failure(Errno::kEINVAL);
  ResourceUse use = my_use();
  if (who != kThread) {
    Process& me = *current_process();
    IrqGuard guard(process_tree_lock);
    use = who == kSelf ? use_of(me) : me.children_use;
  }
  if (argument1(call) == 0) return failure(Errno::kEFAULT);
  return to_return(store_usage(argument1(call), use));
}

}  // namespace cairn
