// Tests of the kernel's own pieces, for its developers. The monitor's `ktest` runs them and prints
// KTAP; the suite reads it.
//
//   KERNEL_TEST(list_keeps_order) {
//     …
//     EXPECT(list.front() == &first);
//   }
//   KERNEL_TEST_WITH(SmallDisk, disk_is_empty) {  // `t` is a SmallDisk, which is true if it could be made
//     EXPECT(t.used() == 0);
//   }
// Source: Linux documentation, "The Kernel Test Anything Protocol (KTAP)".
#pragma once

#include "lib/format.h"

namespace cairn {

/// Collects what one test finds.
class TestContext {
 public:
  /// Remembers the first expectation that didn't hold.
  void expect(bool holds, const char* expression, int line) {
    if (holds || failed_) return;
    failed_ = expression;
    line_ = line;
  }
  const char* failed() const { return failed_; }
  int line() const { return line_; }

 private:
  const char* failed_ = nullptr;
  int line_ = 0;
};

struct KernelTest {
  const char* name;
  void (*run)(TestContext& test);
};

/// Runs all tests in link order; returns how many failed. May sleep.
unsigned run_kernel_tests(Writer& out);

}  // namespace cairn

#define KERNEL_TEST(name)                                                                    \
  static void name##_test(::cairn::TestContext& test);                                       \
  [[gnu::section(".kernel_tests"),                                                           \
    gnu::used]] static constinit const ::cairn::KernelTest name##_entry{#name, name##_test}; \
  static void name##_test([[maybe_unused]] ::cairn::TestContext& test)

#define EXPECT(condition) test.expect(bool(condition), #condition, __LINE__)

#define KERNEL_TEST_WITH(Fixture, name)                            \
  static void name##_with(::cairn::TestContext& test, Fixture& t); \
  KERNEL_TEST(name) {                                              \
    Fixture t;                                                     \
    EXPECT(t);                                                     \
    if (t) name##_with(test, t);                                   \
  }                                                                \
  static void name##_with([[maybe_unused]] ::cairn::TestContext& test, Fixture& t)
