// Process groups and sessions: jobs of a shell, and who shares a terminal. A process is in one group, a group in one
// session; each lives as long as something is in it, zombies included, and as long keeps its number from being a
// new process's. Everything here is protected by process_tree_lock.
// Source: POSIX.1-2017, "Definitions": process group, session, orphaned process group; setpgid, setsid.
#pragma once

#include "process/process.h"

namespace cairn {

struct Session;

struct ProcessGroup {
  Pid id{};
  Session* session = nullptr;
  List<Process, &Process::group_link> members;
  ListLink session_link;
};

/// What a terminal is to the session that it controls (kernel/tty).
class ControllingTerminal {
 public:
  /// The session's leader ended: the terminal is nobody's from now on.
  virtual void leader_ended(Session& session) REQUIRES(process_tree_lock) = 0;
  /// Its device's number, as stat() tells it, and the group in its foreground; 0: none.
  virtual uint64_t number() const = 0;
  virtual Pid foreground_group() REQUIRES(process_tree_lock) = 0;

 protected:
  ~ControllingTerminal() = default;
};

struct Session {
  Pid id{};  // its leader's pid, also after that has gone
  List<ProcessGroup, &ProcessGroup::session_link> groups;
  ControllingTerminal* terminal = nullptr;
  Pid lost_foreground{};  // the group that was in the foreground of a terminal whose line was lost; 0: none
};
/// The leader has ended: its terminal is nobody's, or, where it was lost before, the foreground is told now.
void end_leadership(Session& session) REQUIRES(process_tree_lock);

/// Whether the process made its session and is in it still.
inline bool leads_session(const Process& process) REQUIRES(process_tree_lock) {
  return process.group->session->id == process.pid;
}

/// setsid(): the process leads a new session and a new group in it. EPERM if there is a group of its number, which
/// it leads or led; ENOMEM.
Result<void> start_session(Process& process) EXCLUDES(process_tree_lock);

/// setpgid() by the running process; 0 is itself, and the group of the process's own number. EINVAL; ESRCH: neither
/// it nor a child of its; EACCES: a child that runs another program already; EPERM: it leads a session, or either is
/// in another session; ENOMEM.
Result<void> set_process_group(int64_t pid, int64_t group) EXCLUDES(process_tree_lock);

/// Puts a process that is in no group yet into its parent's.
void join_group(Process& process, ProcessGroup& group) REQUIRES(process_tree_lock);
/// Takes it out of its group, as its number goes; the last one out ends the group, and with the last the session.
void leave_group(Process& process) REQUIRES(process_tree_lock);

/// A signal for each member. EAGAIN as send_signal(), of the last member that couldn't get it.
Result<void> send_signal_to_group(ProcessGroup& group, const SignalInfo& info)
    REQUIRES(process_tree_lock);

/// Whether no member has a parent in another group of the session, who could have it go on after a stop. `leaving`
/// isn't counted: it ends.
bool is_orphaned(ProcessGroup& group, const Process* leaving = nullptr) REQUIRES(process_tree_lock);
/// `process` lost `parent`, or is about to end beside him: if that orphaned its group, and some of it is stopped, it
/// gets SIGHUP and SIGCONT.
void note_parent_gone(Process& process, const Process* parent, const Process* leaving)
    REQUIRES(process_tree_lock);

}  // namespace cairn
