// On the host: counters are numbers.
#pragma once

#include <cstdint>

namespace cairn {

class Counter {
 public:
  constexpr explicit Counter(const char* name) : name_(name) {}
  const char* name() const { return name_; }
  void increment(uint64_t by = 1) { value_ += by; }
  uint64_t value() const { return value_; }

 private:
  const char* name_;
  uint64_t value_ = 0;
};

}  // namespace cairn

#define CAIRN_COUNTER(variable, name) constinit ::cairn::Counter variable(name)
