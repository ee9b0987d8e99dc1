// Interactive runs of starters: which lab item was missing (lib/not_implemented.h).
#pragma once

#include <atomic>

namespace cairn {

/// The item reached since the last call ("A2"), or null. The trap code asks before it returns to
/// user mode, the monitor after a command.
const char* take_unfinished_item();

/// Whether take_unfinished_item() would return one. Cheap: asked at every system call.
extern std::atomic<const char*> unfinished_item;
inline bool has_unfinished_item() {
  return unfinished_item.load(std::memory_order_relaxed) != nullptr;
}

}  // namespace cairn
