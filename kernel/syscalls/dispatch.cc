#include "arch/cpu.h"
#include "metrics/counter.h"
#include "process/signal.h"
#include "procfs/procfs.h"
#include "syscalls/arguments.h"
#include "syscalls/decode/traced_call.h"
#include "syscalls/restart.h"
#include "syscalls/table.h"

namespace cairn {

CAIRN_COUNTER(unknown_syscall_count, "syscalls.not_implemented");

namespace {

struct SyscallTable {
  SyscallHandler handlers[kSyscallLimit] = {};
  constexpr SyscallTable() {
#define CAIRN_ENTRY(number, name, arguments) handlers[number] = &sys_##name;
    CAIRN_SYSCALLS(CAIRN_ENTRY)
#undef CAIRN_ENTRY
  }
};
constinit const SyscallTable table;

int64_t sys_unknown(TrapFrame&) {
  unknown_syscall_count.increment();
  return failure(Errno::kENOSYS);
}

/// Numbers that no call of this stage has, and all of a traced thread.
int64_t uncommon_call(TrapFrame& call) {
  const bool in_table = call.rax < kSyscallLimit, is_traced = current_thread()->known_calls == 0;
  SyscallHandler handler = in_table ? table.handlers[call.rax] : nullptr;
  if (handler == nullptr) handler = sys_unknown;
  if (!is_traced) return handler(call);
  if (in_table) count_call(call.rax);  // the common way does it otherwise
  return traced_call(call, handler);
}

}  // namespace

std::span<const SyscallInfo> all_syscalls() {
#define CAIRN_INFO(number, name, arguments) {number, #name, arguments, sys_##name != nullptr},
  static const SyscallInfo infos[] = {CAIRN_SYSCALLS(CAIRN_INFO)};
#undef CAIRN_INFO
  return infos;
}

void print_syscalls(Writer& out) {
  for (const SyscallInfo& call : all_syscalls()) {
    uint64_t calls = 0, failed = 0;
    for (const Cpu* cpu : all_cpus()) {
      calls += cpu->calls[call.number];
      failed += cpu->failed_calls[call.number];
    }
    print(out, "{:4} {}({})", call.number, call.name, call.arguments);
    if (!call.present) out.write(": not in this stage");
    if (calls != 0) print(out, " calls={} failed={}", calls, failed);
    out.write("\n");
  }
}

int64_t failure(Errno error) {
  // The frame of the call is the first thing on the stack.
  const Thread& me = *current_thread();
  auto* frame = reinterpret_cast<const TrapFrame*>(me.stack_top.value - sizeof(TrapFrame));
  const bool in_call = me.process != nullptr && frame->vector == kSyscallVector;
  if (in_call && frame->error < kSyscallLimit) count_failed_call(frame->error);
  return -int64_t(error);
}

/// Called by syscall_entry (arch/trap.S), interrupts off; returns with interrupts off, to SYSRET, which leaves all
/// registers as they were but rax. Who changes others of the frame sets Thread::interrupted: then they are all
/// restored, by IRET. SYSRET so never meets an address that isn't canonical, at which Intel's processors fault in ring 0,
/// on the user's stack. Source: Intel SDM 2B, "SYSRET".
extern "C" void syscall_dispatch(TrapFrame& call) {
  enable_interrupts();
  SyscallHandler handler = nullptr;
  if (is_known_call(call.rax)) [[likely]] {
    count_call(call.rax);
    handler = table.handlers[call.rax];
  }
  if (handler == nullptr) [[unlikely]]
    handler = uncommon_call;
  call.rax = uint64_t(handler(call));
  disable_interrupts();
  bool attention = this_cpu().need_reschedule || current_thread()->interrupted;
  if (attention) [[unlikely]] {
    bool cut_short = call.rax == uint64_t(-int64_t(Errno::kEINTR));
    prepare_return_to_user(call, cut_short ? restart_rule(call.error) : Restart::kNone);
    return_to_user(&call);
  }
}

}  // namespace cairn
