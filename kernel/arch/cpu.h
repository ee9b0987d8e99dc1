// The processor's instructions and registers, one function or type each.
// Source: Intel SDM 2 (instructions), 3A "System Architecture Overview" (control registers).
#pragma once

#include <cstdint>

#include "lib/types.h"

namespace cairn {

inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint16_t in16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

inline uint64_t read_msr(uint32_t number) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return uint64_t(high) << 32 | low;
}
inline void write_msr(uint32_t number, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "a"(uint32_t(value)), "d"(uint32_t(value >> 32)), "c"(number)
               : "memory");
}
namespace msr {
inline constexpr uint32_t kApicBase = 0x1b;
inline constexpr uint32_t kEfer = 0xc0000080;
inline constexpr uint32_t kStar = 0xc0000081;
inline constexpr uint32_t kLstar = 0xc0000082;
inline constexpr uint32_t kSfmask = 0xc0000084;
inline constexpr uint32_t kFsBase = 0xc0000100;
inline constexpr uint32_t kGsBase = 0xc0000101;
inline constexpr uint32_t kKernelGsBase = 0xc0000102;
}  // namespace msr

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

/// The root of the page table in use. Every write flushes all translations that aren't global.
struct Cr3 {
  uint64_t value;
  static Cr3 read() {
    Cr3 cr3;
    asm volatile("mov %%cr3, %0" : "=r"(cr3.value) : : "memory");
    return cr3;
  }
  void write() const { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
  PhysAddr root() const { return PhysAddr(value & 0x000f'ffff'ffff'f000); }
};

/// The address of the last page fault.
inline VirtAddr read_cr2() {
  uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return VirtAddr(value);
}

struct Cr4 {
  static constexpr uint64_t kSmep = 1 << 20;
  static constexpr uint64_t kSmap = 1 << 21;
  static constexpr uint64_t kUmip = 1 << 11;
  uint64_t value;
  static Cr4 read() {
    Cr4 cr4;
    asm volatile("mov %%cr4, %0" : "=r"(cr4.value));
    return cr4;
  }
  void write() const { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }
};

/// Forgets the translation of one page (INVLPG).
inline void invalidate_page(VirtAddr page) {
  asm volatile("invlpg (%0)" : : "r"(page.value) : "memory");
}

inline uint64_t read_tsc() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return uint64_t(high) << 32 | low;
}

/// 64 bits from the processor's random number generator (RDRAND); false if it has none, or none ready.
bool read_hardware_random(uint64_t& value);

/// Makes the compiler believe that `value` is used, for measurements of nothing else.
inline void keep_value(uint64_t value) { asm volatile("" : : "r"(value) : "memory"); }

inline void relax_cpu() { asm volatile("pause" : : : "memory"); }
inline void disable_interrupts() { asm volatile("cli" : : : "memory"); }
inline void enable_interrupts() { asm volatile("sti" : : : "memory"); }
/// Waits for an interrupt. STI takes effect after HLT began, so none can slip in between.
inline void enable_interrupts_and_halt() { asm volatile("sti; hlt" : : : "memory"); }
[[noreturn]] inline void halt_forever() {
  while (true) asm volatile("cli; hlt");
}

inline uint64_t read_rflags() {
  uint64_t flags;
  asm volatile("pushfq; popq %0" : "=r"(flags));
  return flags;
}
inline bool interrupts_enabled() { return read_rflags() & (1 << 9); }
/// Disables interrupts; returns whether they were enabled.
inline bool save_and_disable_interrupts() {
  bool enabled = interrupts_enabled();
  disable_interrupts();
  return enabled;
}

/// What the FPU and SSE hold: 512 bytes as FXSAVE lays them out. Born as a program expects it: all
/// exceptions masked, extended precision, rounding to nearest (System V ABI, "Process Initialization").
struct alignas(16) FpuState {
  uint16_t control = 0x037f;
  uint16_t status = 0;
  uint8_t other[20] = {};
  uint32_t mxcsr = 0x1f80;
  uint32_t mxcsr_mask = 0;  // what save() found to be valid
  uint8_t registers[480] = {};

  /// The bits of MXCSR that restore() takes; others fault. Of a state that was saved.
  uint32_t valid_mxcsr() const { return mxcsr_mask != 0 ? mxcsr_mask : 0xffbf; }
  void save() { asm volatile("fxsave64 %0" : "=m"(*this)); }
  void restore() const { asm volatile("fxrstor64 %0" : : "m"(*this)); }
};
static_assert(sizeof(FpuState) == 512);

/// Enables SMEP, SMAP and UMIP where the processor has them. Once a processor, at its start.
void enable_protections();
extern "C" uint8_t cpu_has_smap;  // read by trap.S

}  // namespace cairn
