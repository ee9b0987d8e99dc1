#include "monitor/print_walk.h"

namespace cairn {

void print_pte_flags(Writer& out, EntryValue entry) {
  Pte flags = entry.flags();
  auto mark = [flags](Pte bit, char letter) { return has(flags, bit) ? letter : '-'; };
  print(out, "flags={}{}{}{}{}{}{}{}", mark(Pte::kPresent, 'r'), mark(Pte::kWritable, 'w'),
        has(flags, Pte::kNoExecute) || !entry.present() ? '-' : 'x', mark(Pte::kUser, 'u'),
        mark(Pte::kHuge, 'h'), mark(Pte::kGlobal, 'g'), mark(Pte::kAccessed, 'a'),
        mark(Pte::kDirty, 'd'));
  uint64_t software = (entry.bits() >> 9 & 7) | (entry.bits() >> 52 & 0x7f) << 3;
  print(out, " software={:x}", software);
}

Result<void> print_walk(MonitorSession& session, const PageTable& table, VirtAddr address) {
  PageWalk walk = table.walk_page_table(address);
  if (walk.level == 0) {
    return session.fail(Errno::kEINVAL, "{} is not in the user half", address);
  }
  for (int level = 4; level >= walk.level && level >= 1; level--) {
    const PageTableEntry* entry = walk.entries[level];
    PhysAddr place = physical_of(entry);
    if (!is_known_frame(place)) {
      return session.fail(Errno::kEIO, "the walk's entry of level {} is not in a table", level);
    }
    print(session.out, "level={} table={} index={} entry={:x} ", level,
          PhysAddr(align_down(place.value, kPageSize)), place.value % kPageSize / 8,
          entry->value());
    print_pte_flags(session.out, entry->load());
    print(session.out, "\n");
  }
  return {};
}

}  // namespace cairn
