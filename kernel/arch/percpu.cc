#include "arch/percpu.h"

#include <atomic>

#include "lib/assert.h"

namespace cairn {

constinit Cpu boot_cpu;

namespace {
constinit Cpu* cpus[kMaxCpus] = {&boot_cpu};
constinit std::atomic<unsigned> cpu_count{1};
}  // namespace

std::span<Cpu* const> all_cpus() { return {cpus, cpu_count.load(std::memory_order_acquire)}; }

void add_cpu(Cpu& cpu) {
  ASSERT(cpu.id.value == cpu_count.load() && cpu.id.value < kMaxCpus);
  cpus[cpu.id.value] = &cpu;
  cpu_count.store(cpu.id.value + 1, std::memory_order_release);
}

}  // namespace cairn
