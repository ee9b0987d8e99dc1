// Interactive runs of starters: which lab item was missing (lib/not_implemented.h).
#pragma once

namespace cairn {

/// Upward need, implemented in sched: notes that the running thread reached `item` ("A2"), and has a thread
/// of a process attend to it before it returns to user mode. Returns the item noted before, null if there is
/// none. Any context.
const char* note_unfinished_item(const char* item);

/// The item that the running thread reached since the last call, or null. The thread of a process asks before it
/// returns to user mode, the monitor after a command.
inline const char* take_unfinished_item() { return note_unfinished_item(nullptr); }

}  // namespace cairn
