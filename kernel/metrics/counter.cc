#include "metrics/counter.h"

namespace cairn {

uint64_t Counter::value() const { return boot_cpu.counters[this - counters_start]; }

std::span<Counter> all_counters() { return {counters_start, counters_end}; }

}  // namespace cairn
