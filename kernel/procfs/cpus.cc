// /proc/cpuinfo.
// Source: Intel SDM 2A, "CPUID"; Linux, proc(5), "/proc/cpuinfo".
#include "arch/cpu.h"
#include "lib/string.h"
#include "procfs/entry.h"
#include "time/clock.h"

namespace cairn {

namespace {

struct Flag {
  const char* name;
  unsigned bit;
};
// Leaf 1, EDX and ECX; what programs look for.
constexpr Flag kFlags[] = {{"fpu", 0},   {"tsc", 4},  {"msr", 5},   {"pae", 6},
                           {"cx8", 8},   {"apic", 9}, {"cmov", 15}, {"mmx", 23},
                           {"fxsr", 24}, {"sse", 25}, {"sse2", 26}};
constexpr Flag kMoreFlags[] = {{"pni", 0},     {"ssse3", 9},   {"cx16", 13},      {"sse4_1", 19},
                               {"sse4_2", 20}, {"popcnt", 23}, {"aes", 25},       {"xsave", 26},
                               {"avx", 28},    {"rdrand", 30}, {"hypervisor", 31}};

void print_flags(Writer& out, std::span<const Flag> flags, uint32_t bits) {
  for (const Flag& flag : flags) {
    if ((bits >> flag.bit & 1) != 0) print(out, " {}", flag.name);
  }
}

/// Leaf 0: the name is in EBX, EDX, ECX.
void print_vendor(Writer& out, const CpuidResult& leaf) {
  const uint32_t words[] = {leaf.ebx, leaf.edx, leaf.ecx};
  char name[sizeof(words) + 1] = {};
  memcpy(name, words, sizeof(words));
  print(out, "vendor_id\t: {}\n", name);
}

/// Leaves 0x80000002 to 4, if there are such.
void print_model_name(Writer& out) {
  constexpr uint32_t kFirst = 0x8000'0002, kLast = 0x8000'0004, kExtended = 0x8000'0000;
  if (cpuid(kExtended).eax < kLast) return;
  uint32_t words[13] = {};
  for (uint32_t leaf = kFirst; leaf <= kLast; leaf++) {
    CpuidResult part = cpuid(leaf);
    const uint32_t four[] = {part.eax, part.ebx, part.ecx, part.edx};
    memcpy(&words[(leaf - kFirst) * 4], four, sizeof(four));
  }
  print(out, "model name\t: {}\n", reinterpret_cast<const char*>(words));
}

}  // namespace

/// All processors are alike.
Result<void> print_cpus(const ProcTarget&, ProcText& out) {
  const CpuidResult leaf = cpuid(1);
  uint32_t family = leaf.eax >> 8 & 0xf, model = leaf.eax >> 4 & 0xf;
  if (family == 0xf || family == 6) model |= leaf.eax >> 12 & 0xf0;
  if (family == 0xf) family += leaf.eax >> 20 & 0xff;
  for (const Cpu* cpu : all_cpus()) {
    print(out, "processor\t: {}\n", cpu->id);
    print_vendor(out, cpuid(0));
    print(out, "cpu family\t: {}\nmodel\t\t: {}\n", family, model);
    print_model_name(out);
    const uint64_t khz = tsc_frequency() / 1000;
    print(out, "stepping\t: {}\ncpu MHz\t\t: {}.{}{}{}\nflags\t\t:", leaf.eax & 0xf, khz / 1000,
          khz / 100 % 10, khz / 10 % 10, khz % 10);
    print_flags(out, kFlags, leaf.edx);
    print_flags(out, kMoreFlags, leaf.ecx);
    print(out, "\n\n");
  }
  return {};
}

}  // namespace cairn
