// GDT, TSS and the stacks that the TSS names: one set a processor, as the processor reads them.
// Source: Intel SDM 3A, "Protected-Mode Memory Management" (GDT), "Task Management" (TSS).
#pragma once

#include <cstdint>

namespace cairn {

struct [[gnu::packed]] TaskState {
  uint32_t reserved0;
  uint64_t rsp[3];  // [0]: the kernel stack for an entry from user mode
  uint64_t reserved1;
  uint64_t ist[7];
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map;
};
static_assert(sizeof(TaskState) == 104);

// A fault on an overflown kernel stack can't push its frame there, and an NMI may come before an entry
// has changed stacks: double fault, NMI and machine check have stacks of their own.
inline constexpr unsigned kIstCount = 3;
inline constexpr uint64_t kIstStackSize = 8192;  // bytes

/// All zero until load_descriptors() fills them.
struct DescriptorTables {
  uint64_t gdt[7];
  TaskState task_state;
  alignas(16) uint8_t ist_stacks[kIstCount][kIstStackSize];
};

}  // namespace cairn
