#include "arch/percpu.h"

#include <atomic>

namespace cairn {

constinit Cpu boot_cpu;

namespace {
constinit Cpu* cpus[kMaxCpus] = {&boot_cpu};
constinit std::atomic<unsigned> cpu_count{1};
}  // namespace

std::span<Cpu* const> all_cpus() { return {cpus, cpu_count.load(std::memory_order_acquire)}; }

bool add_cpu(Cpu& cpu) {
  unsigned count = cpu_count.load(std::memory_order_relaxed);
  if (count == kMaxCpus) return false;
  cpu.id = CpuId(count);
  cpus[count] = &cpu;
  cpu_count.store(count + 1, std::memory_order_release);
  return true;
}

}  // namespace cairn
