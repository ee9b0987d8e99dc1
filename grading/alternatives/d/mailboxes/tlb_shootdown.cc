// An alternative to labs/d-smp/tlb_shootdown.cc: who calls flushes its own first, then has the others do it.
#include "interrupts/ipi.h"
#include "memory/tlb.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

struct Stale {
  const PageTable* table;
  VirtRange range;
};

void forget(void* what) {
  const auto* stale = static_cast<const Stale*>(what);
  flush_tlb_here(*stale->table, stale->range);
}

}  // namespace

void flush_tlb_everywhere(const PageTable& table, VirtRange range) {
  Stale stale{&table, range};
  disable_preemption();
  flush_tlb_here(table, range);
  const CpuSet elsewhere = table.active_cpus().without(this_cpu().id);
  if (!elsewhere.empty()) call_on_cpus(elsewhere, forget, &stale);
  enable_preemption();
}

}  // namespace cairn
