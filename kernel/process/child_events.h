// What parents learn of their children: the end, a stop, going on.
// Source: POSIX.1-2017, wait, waitid; Linux, wait(2), sigaction(2) "The siginfo_t argument to a SA_SIGINFO handler".
#pragma once

#include "process/process.h"

namespace cairn {

/// A child's state as siginfo_t tells it (SIGCHLD, waitid), from its status as wait4() reports it.
SignalInfo child_info(Process& child, int wait_status) REQUIRES(process_tree_lock);

/// Whether nobody will wait for the children of a process, because it said so.
bool reaps_children_at_once(const Process& parent) REQUIRES(process_tree_lock);

/// Puts a child into that list of its parent's where it belongs now: after `state` or `change` became another.
void place_child(Process& child) REQUIRES(process_tree_lock);

/// A child stopped or goes on, as its `wait_status` says: SIGCHLD, unless the parent doesn't want that, and the end
/// of a wait.
void tell_parent_of_change(Process& child) REQUIRES(process_tree_lock);
/// A child that ended: the same. `wait_status` as the child had it.
void tell_parent_of_end(Process& parent, Process& child, int wait_status)
    REQUIRES(process_tree_lock);

}  // namespace cairn
