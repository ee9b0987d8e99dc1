#include "metrics/counter.h"

namespace cairn {

uint64_t Counter::value() const {
  uint64_t sum = 0;
  for (Cpu* cpu : all_cpus()) sum += cpu->counters[this - counters_start];
  return sum;
}

std::span<Counter> all_counters() { return {counters_start, counters_end}; }

}  // namespace cairn
