// A kernel test of pseudo-terminals while memory is short.
#include <array>

#include "debug/kernel_test.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "sched/rcu.h"
#include "tty/lab_b/pty.h"

namespace cairn {

KERNEL_TEST(a_pty_without_memory_takes_no_number) {
  auto* ptys = new_object<std::array<RefPtr<Pty>, Pty::kMost>>();
  EXPECT(ptys != nullptr);
  if (ptys == nullptr) return;
  rcu_barrier();
  const size_t before = heap_bytes_in_use();
  const uint64_t first = Pty::next_number(0);
  fail_frame_allocation(1);
  EXPECT(Pty::create({}).error() == Errno::kENOMEM);
  fail_frame_allocation(0);
  EXPECT(heap_bytes_in_use() == before && Pty::next_number(0) == first);
  // Nor does one that is gone; and there are kMost.
  for (int round = 0; round < 2; round++) {
    uint64_t made = 0;
    while (made < Pty::kMost) {
      auto pty = Pty::create({});
      if (!pty.ok()) break;
      (*ptys)[made++] = pty.take();
    }
    EXPECT(made == Pty::kMost && Pty::create({}).error() == Errno::kENOSPC);
    for (RefPtr<Pty>& pty : *ptys) pty = nullptr;
    EXPECT(heap_bytes_in_use() == before);
  }
  delete ptys;
}

}  // namespace cairn
