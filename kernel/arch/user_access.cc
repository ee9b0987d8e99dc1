#include "arch/user_access.h"

namespace cairn {

namespace {
struct FixupEntry {
  uint64_t instruction;
  uint64_t fixup;
};
extern "C" const FixupEntry user_access_table_start[];
extern "C" const FixupEntry user_access_table_end[];
extern "C" const char present_only_start[], present_only_end[];
}  // namespace

uint64_t user_access_fixup(uint64_t rip) {
  for (const FixupEntry* entry = user_access_table_start; entry != user_access_table_end; entry++) {
    if (entry->instruction == rip) return entry->fixup;
  }
  return 0;
}

bool copies_present_only(uint64_t rip) {
  return rip >= reinterpret_cast<uint64_t>(present_only_start) &&
         rip < reinterpret_cast<uint64_t>(present_only_end);
}

}  // namespace cairn
