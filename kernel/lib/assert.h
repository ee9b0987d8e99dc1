// Assertions. A failed one is a bug in the kernel, so it panics; errors that can happen are Results.
#pragma once

#include <cstdint>

namespace cairn {

/// Stops the machine with `message`, a symbolised backtrace, registers and held locks. Implemented
/// in debug/panic.cc. Callable from anywhere, interrupts on or off, any lock held.
[[noreturn]] void panic(const char* message);

/// Panics with both values: "a == b failed: 1 is not 2 (file:line)". For the macros below.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
[[noreturn]] void comparison_failed(const char* expression, uint64_t left, uint64_t right,
                                    const char* file, int line);

}  // namespace cairn

#define ASSERT(condition)                                        \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::cairn::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#define ASSERT_EQ(left, right)                                                                     \
  do {                                                                                             \
    auto left_ = (left);                                                                           \
    auto right_ = (right);                                                                         \
    if (!(left_ == right_)) [[unlikely]]                                                           \
      ::cairn::comparison_failed(#left " == " #right, uint64_t(left_), uint64_t(right_), __FILE__, \
                                 __LINE__);                                                        \
  } while (false)
