// The registers of interrupted code, as trap.S lays them on the kernel stack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/layout.h"

namespace cairn {

struct TrapFrame {
  // Pushed by our entry code, last first.
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  uint64_t vector;  // 0–255, or kSyscallVector
  uint64_t error;   // the processor's error code, 0 if it has none; the call's number for a call
  // Pushed by the processor (by us for system calls).
  uint64_t rip, cs, rflags, rsp, ss;

  bool from_user() const { return (cs & 3) == 3; }
};
static_assert(offsetof(TrapFrame, vector) == 15 * 8);
static_assert(offsetof(TrapFrame, rip) == 17 * 8);
static_assert(sizeof(TrapFrame) == 22 * 8);

inline constexpr uint64_t kSyscallVector = 256;

// Exceptions. Source: Intel SDM 3A, "Exceptions and Interrupts", table of exceptions.
enum Vector : uint64_t {
  kDivideError = 0,
  kDebug = 1,
  kNmi = 2,
  kBreakpoint = 3,
  kInvalidOpcode = 6,
  kDoubleFault = 8,
  kGeneralProtection = 13,
  kPageFault = 14,
  kX87Error = 16,
  kMisaligned = 17,
  kMachineCheck = 18,
  kSimdError = 19,
  kFirstInterrupt = 32,  // 32 … 239: devices (the old PICs' 16 are masked)
  kTimerVector = 240,
  kRescheduleVector = 241,  // from another processor (lab D)
  kCallVector = 242,        // from another processor: it has a call for this one (lab D)
  kSpuriousVector = 255,
};

// Selectors of the GDT (descriptors.cc). SYSRET wants user data right below user code.
inline constexpr uint64_t kKernelCode = 0x08;
inline constexpr uint64_t kKernelData = 0x10;
inline constexpr uint64_t kUserDataSelector = 0x18 | 3;
inline constexpr uint64_t kUserCodeSelector = 0x20 | 3;
inline constexpr uint64_t kTssSelector = 0x28;

inline constexpr uint64_t kRflagsTrap = 1 << 8;
inline constexpr uint64_t kRflagsInterrupt = 1 << 9;
inline constexpr uint64_t kRflagsResume = 1 << 16;
inline constexpr uint64_t kRflagsReserved = 1 << 1;

extern "C" {
/// Where interrupts and exceptions arrive in C++ (traps/dispatch.cc). Interrupts off.
void trap_dispatch(cairn::TrapFrame& frame);
/// The same for NMI, double fault and machine check, which may come anywhere, locks held: on stacks of their own,
/// so nothing may sleep, switch or end a thread.
void paranoid_dispatch(cairn::TrapFrame& frame);
/// Leaves the kernel through a complete frame, every register as it says (IRET); never returns. Interrupts off. A
/// frame that the processor refuses ends the process with SIGSEGV.
[[noreturn]] void return_to_user(cairn::TrapFrame* frame);
extern char return_instruction[];  // its IRETQ
}

}  // namespace cairn
