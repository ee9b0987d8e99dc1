#include "monitor/bench.h"

#include <algorithm>

#include "arch/cpu.h"
#include "memory/frame_allocator.h"
#include "memory/tlb.h"

namespace cairn {

namespace {

constexpr unsigned kRounds = 256;
constexpr unsigned kRuns = 4;
constexpr VirtAddr kFirstPage{0x1000'0000};
// A neighbour that stays mapped keeps the table warm: no operation allocates or frees a table.
constexpr VirtAddr kNeighbour{0x1000'0000 + 511 * kPageSize};

/// Ticks that `operation(page)` takes, over kRounds pages, without the loop's own.
template <class Operation>
uint64_t measure(Operation operation) {
  uint64_t start = read_tsc();
  for (unsigned i = 0; i < kRounds; i++) {
    keep_value(i);
  }
  uint64_t empty = read_tsc() - start;
  start = read_tsc();
  for (unsigned i = 0; i < kRounds; i++) operation(kFirstPage + i * kPageSize);
  uint64_t full = read_tsc() - start;
  return full > empty ? (full - empty) / kRounds : 0;
}

struct Costs {
  uint64_t walk, map, remap, unmap;
};

/// Interrupts are on, as flushes need them; the smallest of several runs had none.
Costs least(const Costs& left, const Costs& right) {
  return {std::min(left.walk, right.walk), std::min(left.map, right.map),
          std::min(left.remap, right.remap), std::min(left.unmap, right.unmap)};
}

/// Measures on a loaded table, so that flushes are included.
Result<Costs> measure_all(PageTable& table, PhysAddr frame) {
  Costs costs{};
  bool good = true;
  constexpr Pte kFlags = kPermissionBits;
  costs.map = measure([&](VirtAddr page) { good &= table.map_page(page, frame, kFlags).ok(); });
  costs.walk = measure([&](VirtAddr page) { good &= table.walk_page_table(page).is_mapped(); });
  costs.remap = measure([&](VirtAddr page) {
    TlbGather gather(table);
    good &= table.remap_page(page, frame, without(kFlags, Pte::kWritable), gather).ok();
  });
  costs.unmap = measure([&](VirtAddr page) {
    TlbGather gather(table);
    good &= table.unmap_page(page, gather).ok();
  });
  if (!good) return Errno::kEIO;
  return costs;
}

}  // namespace

Result<void> run_page_bench(MonitorSession& session) {
  PageTable table = TRY(PageTable::create());
  OwnedFrame frame(TRY(allocate_frame(FrameUse::kUser)));
  PhysAddr address = frame_address(frame.get());
  TRY(table.map_page(kNeighbour, address, kPermissionBits));
  const PageTable* before = current_thread()->page_table;
  {
    InterruptsOff off;
    current_thread()->page_table = &table;
    table.activate();
  }
  Costs costs{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  bool good = true;
  for (unsigned run = 0; run < kRuns && good; run++) {
    auto measured = measure_all(table, address);
    good = measured.ok();
    if (good) costs = least(costs, *measured);
  }
  {
    TlbGather gather(table);
    (void)table.unmap_page(kNeighbour, gather);
  }
  {
    InterruptsOff off;
    current_thread()->page_table = before;
    if (before != nullptr) {
      before->activate();
    } else {
      PageTable::activate_kernel();
    }
  }
  if (!good) return session.fail(Errno::kEIO, "a page-table operation failed");
  print(session.out, "name=walk ticks={}\n", costs.walk);
  print(session.out, "name=map ticks={}\n", costs.map);
  print(session.out, "name=unmap ticks={}\n", costs.unmap);
  print(session.out, "name=remap ticks={}\n", costs.remap);
  return {};
}

}  // namespace cairn
