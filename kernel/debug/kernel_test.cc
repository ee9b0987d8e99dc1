#include "debug/kernel_test.h"

namespace cairn {

extern "C" {
extern const KernelTest kernel_tests_start[];
extern const KernelTest kernel_tests_end[];
}

unsigned run_kernel_tests(Writer& out) {
  print(out, "KTAP version 1\n1..{}\n", uint64_t(kernel_tests_end - kernel_tests_start));
  unsigned failed = 0;
  unsigned number = 0;
  for (const KernelTest* entry = kernel_tests_start; entry != kernel_tests_end; entry++) {
    TestContext context;
    entry->run(context);
    if (context.failed() != nullptr) {
      failed++;
      print(out, "# line {}: {}\n", context.line(), context.failed());
    }
    print(out, "{} {} {}\n", context.failed() != nullptr ? "not ok" : "ok", ++number, entry->name);
  }
  return failed;
}

}  // namespace cairn
