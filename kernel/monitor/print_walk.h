// Page-table entries as text.
#pragma once

#include "memory/page_table.h"
#include "monitor/command.h"

namespace cairn {

/// "flags=rwxu--ad software=0x1": rights, user, huge, global, accessed, dirty; the bits that are ours.
void print_pte_flags(Writer& out, EntryValue entry);

/// A line a level: level=4 table=0x… index=0 entry=0x… flags=…
/// EINVAL outside the user half. Locks: the table owner's.
Result<void> print_walk(MonitorSession& session, const PageTable& table, VirtAddr address);

}  // namespace cairn
