// The table of processes by pid: a two-level array, O(1), and pids that are not reused soon.
#pragma once

#include "process/process.h"

namespace cairn {

inline constexpr uint64_t kMaxPid = 32'768;

/// Gives the process the next free pid and keeps a reference to it. EAGAIN if all are in use, ENOMEM.
Result<void> pid_table_add(Process& process) EXCLUDES(process_tree_lock);
/// Removes it and drops the reference.
void pid_table_remove(Process& process) EXCLUDES(process_tree_lock);

}  // namespace cairn
