// Who may use a terminal: the session that it controls, and of its groups the one in the foreground. Others are stopped
// when they read, and when they write if the terminal wants that (TOSTOP).
// Source: POSIX.1-2017, "General Terminal Interface": "Controlling Terminal", "Terminal Access Control".
#include "address_space/user_copy.h"
#include "process/pid_table.h"
#include "process/process_group.h"
#include "process/signal.h"
#include "tty/tty.h"

namespace cairn {

namespace {

bool is_blocked_or_ignored(unsigned signal) {
  return (current_user_thread().blocked_signals.load() & signal_bit(signal)) != 0 ||
         is_ignored(*current_process(), signal);
}

}  // namespace

bool Tty::controls_me() {
  Process* me = current_process();  // null: a kernel thread
  return session_ != nullptr && me != nullptr && me->group != nullptr &&
         me->group->session == session_ && !me->gave_up_terminal;
}

ProcessGroup* Tty::foreground() {
  ProcessGroup* group = foreground_.value != 0 ? group_at(foreground_) : nullptr;
  return group != nullptr && group->session == session_ ? group : nullptr;
}

Pid Tty::foreground_group() {
  ProcessGroup* group = foreground();
  return group != nullptr ? group->id : Pid();
}

/// A group in the background gets `signal`, and its call begins again when it goes on. EIO: nobody could have it go on;
/// or it reads and won't be stopped.
Result<void> Tty::check_foreground(unsigned signal) {
  IrqGuard guard(process_tree_lock);
  if (!controls_me()) return {};
  ProcessGroup* mine = current_process()->group;
  ProcessGroup* front = foreground();
  if (front == nullptr || front == mine) return {};
  if (is_blocked_or_ignored(signal)) {
    return signal == kSigTerminalInput ? Result<void>(Errno::kEIO) : Result<void>();
  }
  if (is_orphaned(*mine)) return Errno::kEIO;
  (void)send_signal_to_group(*mine, SignalInfo::from_kernel(signal));
  return Errno::kEINTR;
}

void Tty::signal_foreground(unsigned signal) {
  IrqGuard guard(process_tree_lock);
  ProcessGroup* group = foreground();
  if (group != nullptr) (void)send_signal_to_group(*group, SignalInfo::from_kernel(signal));
}

void Tty::give_to(Session& session, Pid foreground) {
  session_ = &session;
  foreground_ = foreground;
  session.terminal = this;
}

void Tty::give_up() {
  if (session_ != nullptr) session_->terminal = nullptr;
  session_ = nullptr;
  foreground_ = Pid(0);
}

/// Its session has it no more, and who was in the foreground is told.
void Tty::leave_session() {
  ProcessGroup* group = foreground();
  if (group != nullptr) {
    (void)send_signal_to_group(*group, SignalInfo::from_kernel(kSigHangup));
    (void)send_signal_to_group(*group, SignalInfo::from_kernel(kSigCont));
  }
  give_up();
}

void Tty::leader_ended(Session&) {
  leave_session();
  if (device_.ends_with_leader()) hang_up();
}

/// As Linux does: the leader alone is told, and may go on; its job is when it ends.
void Tty::lose_line() {
  {
    IrqGuard guard(process_tree_lock);
    Process* leader = session_ != nullptr ? process_at(session_->id) : nullptr;
    if (leader != nullptr && leader->group != nullptr && leads_session(*leader)) {
      (void)send_signal_locked(*leader, nullptr, SignalInfo::from_kernel(kSigHangup));
      (void)send_signal_locked(*leader, nullptr, SignalInfo::from_kernel(kSigCont));
    }
    if (session_ != nullptr) session_->lost_foreground = foreground_group();
    give_up();
  }
  hang_up();
}

int32_t Tty::shown_foreground() {
  IrqGuard guard(process_tree_lock);
  return int32_t(foreground_group().value);
}

Result<int32_t> Tty::shown_session() {
  IrqGuard guard(process_tree_lock);
  return session_ != nullptr ? Result<int32_t>(int32_t(session_->id.value)) : Errno::kENOTTY;
}

void Tty::acquire_if_free() {
  IrqGuard guard(process_tree_lock);
  Process* process = current_process();
  if (process == nullptr || session_ != nullptr || !leads_session(*process)) return;
  Session& session = *process->group->session;
  if (session.terminal == nullptr) give_to(session, process->group->id);
}

/// TIOCSCTTY. `steal`: from another session, too, which takes the superuser. EPERM.
Result<void> Tty::acquire(bool steal) {
  IrqGuard guard(process_tree_lock);
  Process& process = *current_process();
  if (leads_session(process) && controls_me()) return {};
  Session& session = *process.group->session;
  if (!leads_session(process) || session.terminal != nullptr) return Errno::kEPERM;
  if (session_ != nullptr && !(steal && process.ids.is_superuser())) return Errno::kEPERM;
  give_up();
  give_to(session, process.group->id);
  return {};
}

/// TIOCNOTTY. From a session's leader it takes the terminal away from all of the session. ENOTTY: it isn't the
/// process's.
Result<void> Tty::release() {
  IrqGuard guard(process_tree_lock);
  if (!controls_me()) return Errno::kENOTTY;
  Process& me = *current_process();
  if (leads_session(me)) {
    leave_session();
  } else {
    me.gave_up_terminal = true;
  }
  return {};
}

/// TIOCGPGRP.
Result<int32_t> Tty::foreground_id() {
  IrqGuard guard(process_tree_lock);
  if (!controls_me()) return Errno::kENOTTY;
  return int32_t(foreground_.value);
}

/// TIOCGSID.
Result<int32_t> Tty::session_id() {
  IrqGuard guard(process_tree_lock);
  if (!controls_me()) return Errno::kENOTTY;
  return int32_t(session_->id.value);
}

/// TIOCSPGRP.
Result<void> Tty::set_foreground(VirtAddr argument) {
  auto checked = check_foreground(kSigTerminalOutput);
  if (!checked.ok()) return checked.error() == Errno::kEIO ? Errno::kENOTTY : checked.error();
  TRY(foreground_id());  // it is the process's
  auto id = TRY(read_user<int32_t>(argument));
  if (id < 0) return Errno::kEINVAL;
  IrqGuard guard(process_tree_lock);
  if (!controls_me()) return Errno::kENOTTY;
  ProcessGroup* group = group_at(Pid(uint64_t(id)));
  if (group == nullptr) return Errno::kESRCH;
  if (group->session != session_) return Errno::kEPERM;
  foreground_ = group->id;
  return {};
}

Result<int64_t> Tty::control_jobs(uint32_t request, VirtAddr argument) {
  constexpr uint32_t kAcquire = 0x540e, kGetForeground = 0x540f, kSetForeground = 0x5410,
                     kRelease = 0x5422, kGetSession = 0x5429;
  switch (request) {
    case kAcquire: TRY(acquire(argument.value == 1)); break;
    case kGetForeground: TRY(write_user(argument, TRY(foreground_id()))); break;
    case kSetForeground: TRY(set_foreground(argument)); break;
    case kRelease: TRY(release()); break;
    case kGetSession: TRY(write_user(argument, TRY(session_id()))); break;
    default: return Errno::kENOTTY;
  }
  return int64_t(0);
}

}  // namespace cairn
