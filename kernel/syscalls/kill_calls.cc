// Sending signals: kill, tkill, tgkill and their forms with a value.
#include "address_space/user_copy.h"
#include "process/credentials.h"
#include "process/pid_table.h"
#include "process/process_group.h"
#include "process/signal.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

bool is_signal(uint64_t signal) { return signal <= kMaxSignal; }

SignalInfo from_me(uint64_t signal, int32_t code) {
  return SignalInfo::from_process(unsigned(signal), code, current_process()->pid.value,
                                  current_process()->ids.user.real);
}

/// ESRCH comes before EINVAL, and that before EPERM.
Result<void> check_may_send(const Process* process, uint64_t signal) REQUIRES(process_tree_lock) {
  if (process == nullptr) return Errno::kESRCH;
  if (!is_signal(signal)) return Errno::kEINVAL;
  return may_signal(*process, unsigned(signal)) ? Errno::kOk : Errno::kEPERM;
}

/// Signal 0 only asks whether there is somebody.
Result<void> send_to(Process* process, UserThread* thread, uint64_t signal, const SignalInfo& info)
    REQUIRES(process_tree_lock) {
  TRY(check_may_send(process, signal));
  return signal == 0 ? Result<void>() : send_signal_locked(*process, thread, info);
}

/// To one of many.
Result<void> send_to_member(Process& process, uint64_t signal, const SignalInfo& info)
    REQUIRES(process_tree_lock) {
  TRY(check_may_send(&process, signal));
  return signal == 0 ? Result<void>() : send_signal_to_each(process, info);
}

Result<void> send_to_group(ProcessGroup* group, uint64_t signal, const SignalInfo& info)
    REQUIRES(process_tree_lock) {
  if (group == nullptr) return Errno::kESRCH;
  bool any = false;
  Result<void> last;
  for (Process& member : group->members) {
    last = send_to_member(member, signal, info);
    any = any || last.ok();
  }
  return any ? Result<void>() : last;
}

/// To all but the caller and process 1, as far as it may. ESRCH if there is no other.
Result<void> send_to_all(uint64_t signal, const SignalInfo& info) REQUIRES(process_tree_lock) {
  Result<void> done = Errno::kESRCH;
  Pid at = kInitPid;
  while (Process* process = process_after(at)) {
    at = process->pid;
    if (process == current_process() || process->state == ProcessState::kReaped) continue;
    auto sent = send_to_member(*process, signal, info);
    done = sent.ok() || sent.error() == Errno::kEPERM ? Result<void>() : sent;
  }
  return done;
}

/// The process that a number means for kill(): its pid, or the tid of one of its threads.
Process* process_of(int64_t number) REQUIRES(process_tree_lock) {
  Pid pid{uint64_t(number)};
  if (Process* process = process_at(pid)) return process;
  UserThread* thread = thread_at(pid);
  return thread != nullptr ? thread->process : nullptr;
}

/// `group` 0: whatever process the thread belongs to. A first thread that has ended is still there to be sent to, as long
/// as its process is, and takes nothing any more.
Result<void> send_to_thread(int64_t group, int64_t tid, uint64_t signal, const SignalInfo& info) {
  if (tid <= 0 || group < 0) return Errno::kEINVAL;
  IrqGuard guard(process_tree_lock);
  Process* process = process_of(tid);
  if (process != nullptr && group != 0 && process->pid.value != uint64_t(group)) process = nullptr;
  UserThread* thread = process != nullptr ? thread_at(Pid(uint64_t(tid))) : nullptr;
  return thread != nullptr ? send_to(process, thread, signal, info)
                           : check_may_send(process, signal);
}

/// What programs tell themselves of a signal for others: not what only the kernel, kill() and tkill() say. EPERM,
/// EFAULT.
Result<SignalInfo> read_info(uint64_t address, uint64_t signal, int64_t target) {
  auto info = TRY(read_user<SignalInfo>(VirtAddr(address)));
  info.signal = int32_t(signal);
  bool claims_more = info.code >= 0 || info.code == kFromThread;
  bool to_me = uint64_t(target) == current_process()->pid.value;
  if (claims_more && !to_me) return Errno::kEPERM;
  return info;
}

int64_t pid_argument(uint64_t argument) { return int64_t(int32_t(argument)); }

}  // namespace

int64_t sys_kill(TrapFrame& call) {
  int64_t pid = pid_argument(argument0(call));
  auto signal = uint64_t(uint32_t(argument1(call)));
  SignalInfo info = from_me(signal, kFromUser);
  IrqGuard guard(process_tree_lock);
  if (pid > 0) return to_return(send_to(process_of(pid), nullptr, signal, info));
  if (pid == -1) return to_return(send_to_all(signal, info));
  ProcessGroup* group = pid == 0 ? current_process()->group : group_at(Pid(uint64_t(-pid)));
  return to_return(send_to_group(group, signal, info));
}

int64_t sys_tkill(TrapFrame& call) {
  int64_t tid = pid_argument(argument0(call));
  auto signal = uint64_t(uint32_t(argument1(call)));
  return to_return(send_to_thread(0, tid, signal, from_me(signal, kFromThread)));
}

int64_t sys_tgkill(TrapFrame& call) {
  int64_t group = pid_argument(argument0(call)), tid = pid_argument(argument1(call));
  auto signal = uint64_t(uint32_t(argument2(call)));
  if (group <= 0) return failure(Errno::kEINVAL);
  return to_return(send_to_thread(group, tid, signal, from_me(signal, kFromThread)));
}

int64_t sys_rt_sigqueueinfo(TrapFrame& call) {
  int64_t pid = pid_argument(argument0(call));
  auto signal = uint64_t(uint32_t(argument1(call)));
  auto info = read_info(argument2(call), signal, pid);
  if (!info.ok()) return failure(info.error());
  IrqGuard guard(process_tree_lock);
  Process* process = pid > 0 ? process_of(pid) : nullptr;
  return to_return(send_to(process, nullptr, signal, *info));
}

int64_t sys_rt_tgsigqueueinfo(TrapFrame& call) {
  int64_t group = pid_argument(argument0(call)), tid = pid_argument(argument1(call));
  auto signal = uint64_t(uint32_t(argument2(call)));
  auto info = read_info(argument3(call), signal, tid);
  if (!info.ok()) return failure(info.error());
  if (group <= 0) return failure(Errno::kEINVAL);
  return to_return(send_to_thread(group, tid, signal, *info));
}

}  // namespace cairn
