// What the boot loader told us, whichever it was.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "memory/memory_map.h"

namespace cairn {

struct BootModule {
  PhysRange range;
  char name[64];
};

struct BootInfo {
  const char* loader = "?";
  MemoryMap memory;
  PhysAddr rsdp{};  // 0: not told
  std::array<BootModule, 8> modules{};
  size_t module_count = 0;
  char options[512] = {};  // words: graded, channel, log=LEVEL
};

extern BootInfo boot_info;

/// Reads what lies at physical `address` as `magic` says (Multiboot2 or PVH). False if it is neither.
bool read_boot_info(uint64_t magic, PhysAddr address);

/// Whether the option `word` is there.
bool has_option(std::string_view word);
/// What follows `prefix` ("log=") in the last option that starts with it; empty if there is none.
std::string_view option_value(std::string_view prefix);

}  // namespace cairn
