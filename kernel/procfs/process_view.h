// What process_tree_lock protects of a process, at one moment. For this subsystem only.
#pragma once

#include "procfs/entry.h"

namespace cairn {

struct ProcessView {
  Pid id{}, process{}, parent{}, group{}, session{};
  char name[16] = {};  // as Linux cuts it
  char state = 'Z';    // R, S, D, T, Z
  ProcessIds ids;
  uint64_t threads = 0;
  ResourceUse use, children_use;
  uint64_t started_ns = 0;
  uint64_t terminal = 0;  // its device's number; 0: none
  int64_t foreground = -1;
  uint64_t pending = 0, shared_pending = 0, blocked = 0, ignored = 0, caught = 0;
  uint64_t signal_limit = 0;
  int exit_status = 0;
  unsigned cpu = 0;
  int nice = 0;
};

/// Of a process, or of one of its threads. ESRCH.
Result<ProcessView> view_of(const ProcTarget& target);
const char* state_name(char state);

/// What it has of memory, in bytes.
struct MemoryView {
  uint64_t size = 0, resident = 0, resident_file = 0, tables = 0;
  uint64_t text = 0, data = 0, stack = 0, library = 0;  // by what regions are for
  uint64_t text_start = 0, text_end = 0, stack_start = 0;
};
/// All 0 if it has ended.
MemoryView memory_of(Process& process);

}  // namespace cairn
