// Counters, declared where events happen:
//
//   CAIRN_COUNTER(cow_copied_count, "cow.copied");
//   cow_copied_count.increment();
//
// Each lives in a section of its own, so the list of all counters needs no registry. Counting is one
// instruction on this processor's own memory; reading sums over the processors.
#pragma once

#include <cstdint>
#include <span>

#include "arch/percpu.h"

namespace cairn {

class Counter {
 public:
  constexpr explicit Counter(const char* name) : name_(name) {}

  const char* name() const { return name_; }
  /// Callable anywhere, interrupts on or off.
  void increment(uint64_t by = 1);
  /// Sum over all processors; a snapshot.
  uint64_t value() const;

 private:
  const char* name_;
};

/// Every counter of the kernel, in link order.
std::span<Counter> all_counters();

extern "C" Counter counters_start[];
extern "C" Counter counters_end[];

inline void Counter::increment(uint64_t by) { count_on_this_cpu(this, by); }
static_assert(sizeof(Counter) == sizeof(Cpu::counters[0]));

}  // namespace cairn

#define CAIRN_COUNTER(variable, name) \
  [[gnu::section(".counters"), gnu::used]] constinit ::cairn::Counter variable(name)
