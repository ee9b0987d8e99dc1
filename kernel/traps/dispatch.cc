// Where every exception and interrupt arrives. A page fault's next stop is
// AddressSpace::handle_fault() (address_space/page_fault.cc).
#include "address_space/address_space.h"
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "debug/panic.h"
#include "debug/trace.h"
#include "interrupts/irq.h"
#include "metrics/counter.h"
#include "process/out_of_memory.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "sync/spinlock.h"

namespace cairn {

CAIRN_COUNTER(nmi_count, "interrupts.nmi");

namespace {

struct ExceptionInfo {
  const char* name;
  unsigned signal;  // what a process gets that does it, and its code
  int32_t code = kFromKernel;
};

// The exceptions of x87 and SSE, whose flags and masks have the same places in the low bits of their words.
int32_t fpe_code(uint32_t exceptions) {
  if (exceptions & 0x01) return kFpeInvalid;
  if (exceptions & 0x04) return kFpeDivide;
  if (exceptions & 0x08) return kFpeOverflow;
  if (exceptions & 0x12) return kFpeUnderflow;  // a denormal operand, too
  return exceptions & 0x20 ? kFpeInexact : kFromKernel;
}
int32_t fpe_code_of_thread(bool simd) {
  FpuState& fpu = current_thread()->fpu;
  fpu.save();  // a switch meanwhile would save the same
  uint32_t masks = simd ? fpu.mxcsr >> 7 : fpu.control;
  return fpe_code((simd ? fpu.mxcsr : fpu.status) & ~masks);
}

ExceptionInfo exception_info(uint64_t vector) {
  switch (vector) {
    case kDivideError: return {"SIGFPE: division by zero or overflow", kSigFpe, kFpeIntegerDivide};
    case kDebug: return {"SIGTRAP: debug exception", kSigTrap, kTrapStep};
    case kBreakpoint: return {"SIGTRAP: breakpoint", kSigTrap};
    case kInvalidOpcode: return {"SIGILL: invalid instruction", kSigIllegal, kIllegalOperand};
    case 12: return {"SIGBUS: stack segment fault", kSigBus};
    case kGeneralProtection:
      return {"SIGSEGV: general protection (privileged instruction or non-canonical address)",
              kSigSegv};
    case kDoubleFault: return {"double fault", kSigSegv};
    case kMachineCheck: return {"machine check", kSigBus};
    case kX87Error: return {"SIGFPE: x87 error", kSigFpe};
    case kMisaligned: return {"SIGBUS: misaligned access", kSigBus, kBusMisaligned};
    case kSimdError: return {"SIGFPE: SIMD error", kSigFpe};
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
    case FaultOutcome::kBusError: return "no such page: beyond the file's end, or not readable";
    case FaultOutcome::kOutOfMemory:
    case FaultOutcome::kRetry: break;
  }
  return "?";
}

/// The process has a handler: it runs before the thread goes on. False if it doesn't.
bool hand_to_process(const TrapFrame& frame, const SignalInfo& info, uint64_t address) {
  current_user_thread().last_fault = {frame.vector, frame.error, address};
  if (!would_catch(info.number())) return false;
  force_signal(info);
  return true;
}

/// Serves and counts it. Another process may have to end for it.
FaultOutcome handle_fault(AddressSpace& space, const PageFault& fault) {
  UserThread& me = current_user_thread();
  const uint64_t awaited = me.pages_awaited;
  FaultOutcome outcome = space.handle_fault(fault);
  while (outcome == FaultOutcome::kOutOfMemory && end_for_memory())
    outcome = space.handle_fault(fault);
  if (outcome == FaultOutcome::kRetry)
    (me.pages_awaited == awaited ? me.faults.minor : me.faults.major)++;
  return outcome;
}

[[noreturn]] void die_of_no_memory(const PageFault& fault) {
  char text[160];
  BufferWriter out(text);
  print(out, "out of memory: killed by its {} {}, with {} KiB of its own", access_name(fault),
        fault.address, current_address_space()->own_bytes() / 1024);
  die_of_fault(kSigKill, text);
}

void signal_page_fault(const TrapFrame& frame, const PageFault& fault, FaultOutcome outcome) {
  int32_t code = outcome == FaultOutcome::kNotAllowed ? kSegvForbidden : kSegvNoMapping;
  auto info = SignalInfo::fault(kSigSegv, code, fault.address.value);
  if (outcome == FaultOutcome::kBusError)
    info = SignalInfo::fault(kSigBus, kBusNoPage, fault.address.value);
  if (outcome == FaultOutcome::kOutOfMemory) die_of_no_memory(fault);
  if (hand_to_process(frame, info, fault.address.value)) return;
  char text[160];
  BufferWriter out(text);
  bool bus_error = outcome == FaultOutcome::kBusError;
  print(out, "{}: {} {} at instruction {:x}: {}", bus_error ? "SIGBUS" : "SIGSEGV",
        access_name(fault), fault.address, frame.rip, reason(outcome, fault));
  die_of_fault(info.number(), text);
}

/// What an address looks like that the kernel had no business with.
const char* address_hint(VirtAddr address) {
  if (address < VirtAddr(kPageSize)) return " (a null pointer?)";
  if (!is_user_address(address)) return "";
  return " (a physical address, or a user's? direct_map() and user_copy.h reach those)";
}

[[noreturn]] void panic_for_page_fault(const TrapFrame& frame, const PageFault& fault) {
  char text[200];
  BufferWriter out(text);
  print(out, "the kernel's {} {} faulted at {:x}{}", access_name(fault), fault.address, frame.rip,
        address_hint(fault.address));
  panic_at(frame, text);
}

bool reached_unfinished_item() { return current_thread()->unfinished_item != nullptr; }

/// The kernel touched user memory for a process. It may sleep for it, so it mustn't hold a spinlock.
void kernel_page_fault(TrapFrame& frame, const PageFault& fault) {
  uint64_t fixup = user_access_fixup(frame.rip);
  bool resolvable = fixup != 0 && is_user_address(fault.address);
  if (resolvable && copies_present_only(frame.rip)) {
    frame.rip = fixup;
    return;
  }
  if (!resolvable || this_cpu().preempt_count != 0) panic_for_page_fault(frame, fault);
  enable_interrupts();
  AddressSpace* space = current_address_space();
  FaultOutcome outcome = space != nullptr ? handle_fault(*space, fault) : FaultOutcome::kBadAddress;
  bool resolved = outcome == FaultOutcome::kRetry && !reached_unfinished_item();
  disable_interrupts();
  if (resolved) return;
  this_cpu().user_fault_error = frame.error;
  frame.rip = fixup;
}

void user_page_fault(TrapFrame& frame, const PageFault& fault) {
  enable_interrupts();
  FaultOutcome outcome = handle_fault(*current_address_space(), fault);
  if (outcome != FaultOutcome::kRetry && !reached_unfinished_item()) {
    signal_page_fault(frame, fault, outcome);
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

[[noreturn]] void panic_for_exception(const TrapFrame& frame) {
  char text[160];
  BufferWriter out(text);
  uint64_t into_slot = (frame.rsp - kStackArenaStart.value) % kStackSlotSize;
  bool in_arena =
      frame.rsp >= kStackArenaStart.value && frame.rsp < kStackArenaStart.value + kStackArenaSize;
  bool overflow = frame.vector == kDoubleFault && in_arena &&
                  into_slot < kStackSlotSize - kStackSize + kPageSize;
  print(out, "exception {} in the kernel: {}", frame.vector,
        overflow ? "its stack overflowed" : exception_info(frame.vector).name);
  panic_at(frame, text);
}

/// The processor refused the registers that a process was to go on with. What IRETQ wanted to load still lies
/// where it took it from.
[[noreturn]] void kill_for_return(const TrapFrame& frame) {
  struct Wanted {
    uint64_t rip, cs, rflags, rsp, ss;
  };
  const auto& wanted = *reinterpret_cast<const Wanted*>(frame.rsp);
  char text[160];
  BufferWriter out(text);
  print(out, "SIGSEGV: no return to instruction {:x} with selectors {:x} and {:x}", wanted.rip,
        wanted.cs, wanted.ss);
  die_of_fault(kSigSegv, text);
}

void other_exception(TrapFrame& frame) {
  if (!frame.from_user()) {
    if (frame.rip == reinterpret_cast<uint64_t>(return_instruction)) kill_for_return(frame);
    panic_for_exception(frame);
  }
  ExceptionInfo info = exception_info(frame.vector);
  if (frame.vector == kX87Error || frame.vector == kSimdError)
    info.code = fpe_code_of_thread(frame.vector == kSimdError);
  // The place, where the code says more than that the processor refused something.
  bool tells_place = info.code != kFromKernel && frame.vector != kMisaligned;
  if (hand_to_process(frame, SignalInfo::fault(info.signal, info.code, tells_place ? frame.rip : 0),
                      0))
    return;
  char text[160];
  BufferWriter out(text);
  print(out, "{} at instruction {:x}", info.name, frame.rip);
  die_of_fault(info.signal, text);
}

}  // namespace

/// Called by paranoid_common (arch/trap.S). An NMI may come from a processor that panics; what any other wants nobody
/// here knows: it is counted.
extern "C" void paranoid_dispatch(TrapFrame& frame) {
  if (frame.vector != kNmi) panic_for_exception(frame);
  stop_if_panicking(frame);
  nmi_count.increment();
}

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
