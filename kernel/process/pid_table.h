// The table of processes by pid: a two-level array, O(1), and pids that are not reused soon. Tids are of the
// same numbers: a process's first thread has its pid, others have numbers of their own. So are those of process groups
// and sessions: the pids of those who made them, which stay in use until both have gone.
#pragma once

#include "process/process.h"

namespace cairn {

struct Session;

inline constexpr uint64_t kMaxPid = 32'768;

/// Gives the process the next free pid, or the one that is wanted, and keeps a reference to it. EAGAIN if all, or that
/// one, are in use, ENOMEM.
Result<void> pid_table_add(Process& process, Pid wanted = {}) EXCLUDES(process_tree_lock);
/// Removes it, from its group, too, and drops the reference.
void pid_table_remove(Process& process) EXCLUDES(process_tree_lock);

/// The pid or tid that was given last.
Pid newest_pid() EXCLUDES(process_tree_lock);

/// The group and the session of this number; null if there is none.
ProcessGroup* group_at(Pid id) REQUIRES(process_tree_lock);
/// Where they are kept. Of a number that something has: a process, or what is kept there.
ProcessGroup*& group_slot(Pid id) REQUIRES(process_tree_lock);
Session*& session_slot(Pid id) REQUIRES(process_tree_lock);

/// The process with this pid; null if there is none.
Process* process_at(Pid pid) REQUIRES(process_tree_lock);
/// The one with the next larger pid; null after the last.
Process* process_after(Pid pid) REQUIRES(process_tree_lock);

/// The thread with this tid, null if there is none.
UserThread* thread_at(Pid tid) REQUIRES(process_tree_lock);
/// Gives a thread that isn't its process's first the next free number. EAGAIN, ENOMEM.
Result<void> pid_table_add_thread(UserThread& thread) EXCLUDES(process_tree_lock);
/// Frees that number.
void pid_table_remove_thread(UserThread& thread) REQUIRES(process_tree_lock);

}  // namespace cairn
