#include "process/process_group.h"

#include "memory/heap.h"
#include "process/pid_table.h"
#include "process/signal.h"

namespace cairn {

namespace {

/// Moves a process, from no group too.
void move_to(Process& process, ProcessGroup& group) REQUIRES(process_tree_lock) {
  ProcessGroup* old = process.group;
  if (old == &group) return;
  if (old != nullptr) leave_group(process);
  join_group(process, group);
}

/// Makes `fresh` the group of the process's number, in a session, and moves it there.
void found_group(Process& process, ProcessGroup& fresh, Session& session)
    REQUIRES(process_tree_lock) {
  fresh.id = process.pid;
  fresh.session = &session;
  session.groups.push_back(fresh);
  group_slot(fresh.id) = &fresh;
  move_to(process, fresh);
}

/// The process that setpgid() means. EINVAL, ESRCH, EACCES, EPERM.
Result<Process*> process_to_move(Process& me, uint64_t pid) REQUIRES(process_tree_lock) {
  Process* process = process_at(Pid(pid));
  if (process == nullptr) return thread_at(Pid(pid)) != nullptr ? Errno::kEINVAL : Errno::kESRCH;
  if (process->parent == &me) {
    if (process->group->session != me.group->session) return Errno::kEPERM;
    if (process->has_execed) return Errno::kEACCES;
  } else if (process != &me) {
    return Errno::kESRCH;
  }
  if (leads_session(*process)) return Errno::kEPERM;
  return process;
}

/// Takes `fresh` if a new group is needed.
Result<void> try_to_set_group(Process& me, uint64_t pid, uint64_t group, ProcessGroup*& fresh)
    REQUIRES(process_tree_lock) {
  Process* process = TRY(process_to_move(me, pid));
  ProcessGroup* target = group_at(Pid(group));
  if (target == nullptr && group == pid) {
    if (fresh == nullptr) return Errno::kENOMEM;
    found_group(*process, *std::exchange(fresh, nullptr), *me.group->session);
    return {};
  }
  if (target == nullptr || target->session != me.group->session) return Errno::kEPERM;
  move_to(*process, *target);
  return {};
}

bool has_stopped_members(ProcessGroup& group) REQUIRES(process_tree_lock) {
  for (Process& member : group.members) {
    if (member.stopped) return true;
  }
  return false;
}

}  // namespace

void join_group(Process& process, ProcessGroup& group) {
  process.group = &group;
  group.members.push_back(process);
}

void leave_group(Process& process) {
  ProcessGroup* group = std::exchange(process.group, nullptr);
  if (group == nullptr) return;
  group->members.remove(process);
  if (!group->members.empty()) return;
  Session& session = *group->session;
  session.groups.remove(*group);
  group_slot(group->id) = nullptr;
  delete group;
  if (!session.groups.empty()) return;
  session_slot(session.id) = nullptr;
  delete &session;
}

Result<void> start_session(Process& process) {
  auto* group = new_object<ProcessGroup>();
  auto* session = new_object<Session>();
  Errno error = group != nullptr && session != nullptr ? Errno::kOk : Errno::kENOMEM;
  if (error == Errno::kOk) {
    IrqGuard guard(process_tree_lock);
    if (group_at(process.pid) == nullptr) {
      session->id = process.pid;
      session_slot(session->id) = session;
      found_group(process, *group, *session);
      process.gave_up_terminal = false;
      return {};
    }
    error = Errno::kEPERM;
  }
  delete group;
  delete session;
  return error;
}

Result<void> set_process_group(int64_t pid, int64_t group) {
  Process& me = *current_process();
  if (pid == 0) pid = int64_t(me.pid.value);
  if (group == 0) group = pid;
  if (group < 0) return Errno::kEINVAL;
  if (pid < 0) return Errno::kESRCH;
  auto* fresh = new_object<ProcessGroup>();
  Result<void> done;
  {
    IrqGuard guard(process_tree_lock);
    done = try_to_set_group(me, uint64_t(pid), uint64_t(group), fresh);
  }
  delete fresh;
  return done;
}

Result<void> send_signal_to_group(ProcessGroup& group, const SignalInfo& info) {
  Result<void> done;
  for (Process& member : group.members) {
    auto sent = send_signal_to_each(member, info);
    if (!sent.ok()) done = sent;
  }
  return done;
}

bool is_orphaned(ProcessGroup& group, const Process* leaving) {
  for (Process& member : group.members) {
    if (&member == leaving || member.state != ProcessState::kAlive || member.parent == nullptr)
      continue;
    ProcessGroup* parents = member.parent->group;
    bool by_init = member.parent->pid == kInitPid;
    if (!by_init && parents != &group && parents->session == group.session) return false;
  }
  return true;
}

void note_parent_gone(Process& process, const Process* parent, const Process* leaving) {
  ProcessGroup& group = *process.group;
  bool held =
      parent != nullptr && parent->group != &group && parent->group->session == group.session;
  if (!held || !is_orphaned(group, leaving) || !has_stopped_members(group)) return;
  (void)send_signal_to_group(group, SignalInfo::from_kernel(kSigHangup));
  (void)send_signal_to_group(group, SignalInfo::from_kernel(kSigCont));
}

void end_leadership(Session& session) {
  if (auto* terminal = std::exchange(session.terminal, nullptr)) {
    return terminal->leader_ended(session);
  }
  const Pid lost = std::exchange(session.lost_foreground, Pid());
  ProcessGroup* group = lost.value != 0 ? group_at(lost) : nullptr;
  if (group == nullptr || group->session != &session) return;
  (void)send_signal_to_group(*group, SignalInfo::from_kernel(kSigHangup));
  (void)send_signal_to_group(*group, SignalInfo::from_kernel(kSigCont));
}

}  // namespace cairn
