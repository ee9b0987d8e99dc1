// What exec changes of a process, step by step: exec builds the new program's memory beside the old one's and
// then, when nothing can fail any more, takes these. All of them are the running thread's, for its own process.
#pragma once

#include "process/process.h"

namespace cairn {

/// Ends all other threads of the process and returns when they are gone; this one is its first then, and has its
/// pid. EAGAIN if the process ends already, or another thread of it was faster: this one ends, then, before it
/// returns to user mode. Not undone: from here on the caller must succeed. May sleep.
Result<void> become_only_thread() EXCLUDES(process_tree_lock);

/// The process's memory is `space` from now on, and loaded; the old one, once the thread noted its end there, is let go.
/// Until begin_anew() says whose program it is, it is private. May sleep.
void change_address_space(RefPtr<AddressSpace> space) EXCLUDES(process_tree_lock);

/// The process is who `ids` says. Who it is to the file system is its caller's to change. If it may other things than
/// before, it is private: those who share its ids aren't shown its memory and files. What exec starts is private only if
/// it may other things than who started it.
void change_ids(const ProcessIds& ids) EXCLUDES(process_tree_lock);

/// The only thread is as a new one: no FS base, a fresh FPU, nothing to do at its end. The process has a new name
/// (cut to what fits); a parent that waits for it since vfork goes on. Of signals, handlers and the alternate stack
/// are gone; what is ignored, blocked and pending stays. What the ABI puts at the first `stack_pointer` is read, so
/// that others can be told its arguments and environment (/proc), whatever the program makes of its stack.
void begin_anew(std::string_view name, VirtAddr stack_pointer) EXCLUDES(process_tree_lock);

}  // namespace cairn
