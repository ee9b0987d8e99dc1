// Source: Intel SDM 3A, "Protected-Mode Memory Management" (GDT), "Task Management" (TSS) and
// "Interrupt and Exception Handling" (IDT).
#include "arch/descriptors.h"

#include "arch/cpu.h"
#include "arch/trap_frame.h"

namespace cairn {

extern "C" {
extern char trap_stubs[];     // trap.S: 256 entries of 16 bytes
extern char syscall_entry[];  // trap.S
}

namespace {

struct [[gnu::packed]] Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t ist;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  const void* base;
};

constexpr uint64_t kFirstGdt[5] = {
    0,
    0x00af'9a00'0000'ffff,  // 0x08 kernel code, 64-bit
    0x00cf'9200'0000'ffff,  // 0x10 kernel data
    0x00cf'f200'0000'ffff,  // 0x18 user data
    0x00af'fa00'0000'ffff,  // 0x20 user code, 64-bit
};
// One for all processors: only the boot processor fills it.
constinit Gate idt[256] = {};

void build_idt() {
  if (idt[0].selector != 0) return;
  for (unsigned vector = 0; vector < 256; vector++) {
    uint64_t entry = reinterpret_cast<uint64_t>(trap_stubs) + vector * 16;
    uint8_t ist = vector == kDoubleFault ? 1 : vector == kNmi ? 2 : vector == kMachineCheck ? 3 : 0;
    uint8_t type = vector == kBreakpoint ? 0xee : 0x8e;  // interrupt gate; INT3 from user mode too
    idt[vector] = {uint16_t(entry),       kKernelCode,           ist, type,
                   uint16_t(entry >> 16), uint32_t(entry >> 32), 0};
  }
}

void fill_tables(DescriptorTables& tables) {
  TaskState& task = tables.task_state;
  for (unsigned i = 0; i < kIstCount; i++) {
    task.ist[i] = reinterpret_cast<uint64_t>(tables.ist_stacks[i]) + kIstStackSize;
  }
  task.io_map = sizeof(TaskState);  // beyond its end: no port is open to user mode
  for (unsigned i = 0; i < 5; i++) tables.gdt[i] = kFirstGdt[i];
  auto base = reinterpret_cast<uint64_t>(&task);
  tables.gdt[5] =  // 0x28 TSS
      (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
  tables.gdt[6] = base >> 32;
}

void enable_syscall() {
  write_msr(msr::kStar, (kKernelData | 3) << 48 | kKernelCode << 32);
  write_msr(msr::kLstar, reinterpret_cast<uint64_t>(syscall_entry));
  // Cleared on entry: interrupt, direction, trap, alignment check (SMAP), nested task.
  write_msr(msr::kSfmask, 1 << 9 | 1 << 10 | 1 << 8 | 1 << 18 | 1 << 14);
  write_msr(msr::kEfer, read_msr(msr::kEfer) | 1);
}

}  // namespace

void load_descriptors(Cpu& cpu) {
  fill_tables(cpu.tables);
  build_idt();

  TablePointer gdt_pointer{sizeof(cpu.tables.gdt) - 1, cpu.tables.gdt};
  TablePointer idt_pointer{sizeof(idt) - 1, idt};
  asm volatile("lgdt %0" : : "m"(gdt_pointer));
  asm volatile("lidt %0" : : "m"(idt_pointer));
  asm volatile(
      "pushq %0\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "lretq\n"
      "1:\tmovl %1, %%ss\n\t"
      "movl %2, %%ds\n\t"
      "movl %2, %%es\n\t"
      "movl %2, %%fs\n\t"
      "movl %2, %%gs\n\t"
      "ltr %w3"
      :
      : "i"(kKernelCode), "r"(uint32_t(kKernelData)), "r"(0), "r"(uint32_t(kTssSelector))
      : "rax", "memory");
  cpu.self = &cpu;
  write_msr(msr::kGsBase, reinterpret_cast<uint64_t>(&cpu));
  write_msr(msr::kKernelGsBase, 0);
  enable_syscall();
}

void set_kernel_stack(Cpu& cpu, VirtAddr top) {
  cpu.tables.task_state.rsp[0] = top.value;
  cpu.kernel_rsp = top.value;
}

}  // namespace cairn
