#include "interrupts/irq.h"

#include "debug/trace.h"
#include "interrupts/apic.h"
#include "metrics/counter.h"
#include "sync/spinlock.h"

namespace cairn {

CAIRN_COUNTER(interrupt_count, "interrupts.all");
CAIRN_COUNTER(spurious_interrupt_count, "interrupts.spurious");

namespace {

struct Entry {
  InterruptHandler handler = nullptr;
  void* context = nullptr;
};

// Entries are written before their interrupt is unmasked and never change after.
constinit Entry table[256];

}  // namespace

void register_vector(uint8_t vector, InterruptHandler handler, void* context) {
  InterruptsOff off;
  table[vector] = {handler, context};
}

Result<uint8_t> register_interrupt(InterruptHandler handler, void* context) {
  InterruptsOff off;
  for (unsigned vector = kFirstInterrupt + 16; vector < kTimerVector; vector++) {
    if (table[vector].handler != nullptr) continue;
    table[vector] = {handler, context};
    return uint8_t(vector);
  }
  return Errno::kENOSPC;
}

void dispatch_interrupt(const TrapFrame& frame) {
  interrupt_count.increment();
  trace(TraceEvent::kInterrupt, frame.vector, frame.rip);
  if (frame.vector == kSpuriousVector) {  // not in service: no end of interrupt
    spurious_interrupt_count.increment();
    return;
  }
  this_cpu().interrupted_user = frame.from_user();
  const Entry& entry = table[frame.vector];
  if (entry.handler != nullptr) {
    entry.handler(entry.context);
  } else {
    spurious_interrupt_count.increment();
  }
  end_of_interrupt();
}

}  // namespace cairn
