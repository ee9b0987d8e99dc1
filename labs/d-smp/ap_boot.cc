// LAB D1: waking a processor. Contract: kernel/sched/processors.h.
// handouts/d-smp.md#d1 explains INIT and SIPI; check with: make grade LAB=d K=D1
#include "sched/processors.h"

#include "arch/cpu.h"
#include "interrupts/apic.h"
#include "sched/wait_queue.h"
#include "standins/standins.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace cairn {

// BEGIN SOLUTION D1
// STARTER:
namespace {

// The interrupt command register: delivery mode and level.
constexpr uint32_t kInit = 5 << 8;
constexpr uint32_t kStartup = 6 << 8;
constexpr uint32_t kAssert = 1 << 14;

void send(uint32_t apic_id, uint32_t command) {
  InterruptsOff off;
  write_interrupt_command(apic_id, command);
  while (interrupt_command_pending()) relax_cpu();
}

/// Whether the processor came before `timeout_ns` had passed.
bool comes_within(uint64_t timeout_ns) {
  constexpr uint64_t kLookNs = 100'000;
  uint64_t deadline = monotonic_ns() + timeout_ns;
  while (!has_come()) {
    if (monotonic_ns() >= deadline) return false;
    (void)sleep_until(monotonic_ns() + kLookNs);
  }
  return true;
}

}  // namespace
// END SOLUTION

// LAB D1: start_processor() (handouts/d-smp.md#d1). Check: make grade LAB=d K=D1
Result<void> start_processor(uint32_t apic_id, uint8_t page) {
  // BEGIN SOLUTION D1
  // STARTER: return standin::start_processor(apic_id, page);
  send(apic_id, kInit | kAssert);
  (void)sleep_until(monotonic_ns() + kAfterInitNs);
  send(apic_id, kStartup | page);
  if (comes_within(kAfterStartupNs)) return {};
  send(apic_id, kStartup | page);
  return comes_within(kStartTimeoutNs) ? Result<void>() : Errno::kETIMEDOUT;
  // END SOLUTION
}

}  // namespace cairn
