// Where every exception and interrupt arrives. A page fault's next stop is
// AddressSpace::handle_fault() (address_space/page_fault.cc).
#include "address_space/address_space.h"
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "debug/panic.h"
#include "debug/trace.h"
#include "debug/unfinished.h"
#include "interrupts/irq.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

struct ExceptionInfo {
  const char* name;
  unsigned signal;  // what it does to a process
};

ExceptionInfo exception_info(uint64_t vector) {
  switch (vector) {
    case kDivideError: return {"SIGFPE: division by zero or overflow", kSigFpe};
    case kDebug: return {"SIGTRAP: debug exception", kSigTrap};
    case kBreakpoint: return {"SIGTRAP: breakpoint", kSigTrap};
    case kInvalidOpcode: return {"SIGILL: invalid instruction", kSigIllegal};
    case 12: return {"SIGBUS: stack segment fault", kSigBus};
    case kGeneralProtection:
      return {"SIGSEGV: general protection (privileged instruction or non-canonical address)",
              kSigSegv};
    case 16: return {"SIGFPE: x87 error", kSigFpe};
    case 17: return {"SIGBUS: misaligned access", kSigBus};
    case 19: return {"SIGFPE: SIMD error", kSigFpe};
    default: return {"SIGSEGV: unexpected exception", kSigSegv};
  }
}

const char* access_name(const PageFault& fault) {
  return fault.fetch ? "execution of" : fault.write ? "write to" : "read of";
}

const char* reason(FaultOutcome outcome, const PageFault& fault) {
  switch (outcome) {
    case FaultOutcome::kBadAddress:
      return is_user_address(fault.address) ? "no region there" : "not a user address";
    case FaultOutcome::kNotAllowed: return "the region forbids it";
    case FaultOutcome::kOutOfMemory: return "out of memory";
    case FaultOutcome::kRetry: break;
  }
  return "?";
}

[[noreturn]] void kill_for_page_fault(const TrapFrame& frame, const PageFault& fault,
                                      FaultOutcome outcome) {
  char text[160];
  BufferWriter out(text);
  print(out, "SIGSEGV: {} {} at instruction {:x}: {}", access_name(fault), fault.address, frame.rip,
        reason(outcome, fault));
  die_of_fault(outcome == FaultOutcome::kOutOfMemory ? kSigKill : kSigSegv, text);
}

[[noreturn]] void panic_for_page_fault(const TrapFrame& frame, const PageFault& fault) {
  char text[160];
  BufferWriter out(text);
  print(out, "the kernel's {} {} faulted at {:x}", access_name(fault), fault.address, frame.rip);
  panic_at(frame, text);
}

/// The kernel touched user memory for a process. It may sleep for it, so it mustn't hold a spinlock.
void kernel_page_fault(TrapFrame& frame, const PageFault& fault) {
  uint64_t fixup = user_access_fixup(frame.rip);
  if (fixup == 0 || !is_user_address(fault.address) || this_cpu().preempt_count != 0) {
    panic_for_page_fault(frame, fault);
  }
  enable_interrupts();
  AddressSpace* space = current_address_space();
  FaultOutcome outcome = space != nullptr ? space->handle_fault(fault) : FaultOutcome::kBadAddress;
  bool resolved = outcome == FaultOutcome::kRetry && !has_unfinished_item();
  disable_interrupts();
  if (resolved) return;
  this_cpu().user_fault_error = frame.error;
  frame.rip = fixup;
}

void user_page_fault(TrapFrame& frame, const PageFault& fault) {
  enable_interrupts();
  FaultOutcome outcome = current_address_space()->handle_fault(fault);
  if (outcome != FaultOutcome::kRetry && !has_unfinished_item()) {
    kill_for_page_fault(frame, fault, outcome);
  }
  disable_interrupts();
}

void page_fault(TrapFrame& frame) {
  PageFault fault = PageFault::decode(read_cr2(), frame.error);
  trace(TraceEvent::kPageFault, fault.address.value, frame.error);
  if (frame.from_user()) {
    user_page_fault(frame, fault);
  } else {
    kernel_page_fault(frame, fault);
  }
}

void other_exception(TrapFrame& frame) {
  ExceptionInfo info = exception_info(frame.vector);
  char text[160];
  BufferWriter out(text);
  if (!frame.from_user()) {
    uint64_t into_slot = (frame.rsp - kStackArenaStart.value) % kStackSlotSize;
    bool in_arena =
        frame.rsp >= kStackArenaStart.value && frame.rsp < kStackArenaStart.value + kStackArenaSize;
    bool overflow = frame.vector == kDoubleFault && in_arena &&
                    into_slot < kStackSlotSize - kStackSize + kPageSize;
    print(out, "exception {} in the kernel: {}", frame.vector,
          overflow ? "its stack overflowed" : info.name);
    panic_at(frame, text);
  }
  print(out, "{} at instruction {:x}", info.name, frame.rip);
  die_of_fault(info.signal, text);
}

}  // namespace

/// Called by trap_common (arch/trap.S) with interrupts off; returns with interrupts off.
extern "C" void trap_dispatch(TrapFrame& frame) {
  if (frame.vector >= kFirstInterrupt) {
    dispatch_interrupt(frame);
  } else if (frame.vector == kPageFault) {
    page_fault(frame);
  } else {
    other_exception(frame);
  }
  if (frame.from_user()) {
    prepare_return_to_user(frame);
  } else if (frame.rflags & kRflagsInterrupt) {
    preempt_if_due();
  }
}

}  // namespace cairn
