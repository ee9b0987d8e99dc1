// LAB C, item C3: what a program finds on its stack, and the jump into it.
//
//   kUserStackTop ─▶ ┌──────────────────────────────┐
//                    │ 8 bytes of zeros             │
//                    │ the path                     │ ◀─ AT_EXECFN
//                    │ environment strings          │
//                    │ argument strings             │
//    image.strings ─▶├──────────────────────────────┤
//                    │ 16 random bytes              │ ◀─ AT_RANDOM    or these two
//                    │ (up to 15 bytes)             │                 the other way round
//                    ├──────────────────────────────┤
//                    │ auxv: pairs, the last 0, 0   │
//                    │ 0                            │
//                    │ envp[0] …                    │
//                    │ 0                            │
//                    │ argv[0] …                    │
//    stack_pointer ─▶│ argc                         │    a multiple of 16
//                    └──────────────────────────────┘
//
// Source: System V ABI, AMD64 supplement, "Initial Stack and Register State", "Auxiliary Vector"; Linux, getauxval(3).
#pragma once

#include "arch/trap_frame.h"
#include "exec/new_image.h"

namespace cairn {

enum AuxiliaryType : uint64_t {
  kAuxEnd = 0,
  kAuxHeaders = 3,
  kAuxHeaderSize = 4,
  kAuxHeaderCount = 5,
  kAuxPageSize = 6,
  kAuxBase = 7,
  kAuxFlags = 8,
  kAuxEntry = 9,
  kAuxUser = 11,
  kAuxEffectiveUser = 12,
  kAuxGroup = 13,
  kAuxEffectiveGroup = 14,
  kAuxCapabilities = 16,
  kAuxClockTick = 17,
  kAuxSecure = 23,
  kAuxRandom = 25,
  kAuxPath = 31,
};
inline constexpr uint64_t kClockTicks = 100;  // a second, as times() counts

// ---- LAB C3 (handouts/c-exec.md#c3) ----------------------------------------------------------

/// Writes what stands below the strings, and sets image.stack_pointer to where argc is, a multiple of 16. argv and envp
/// point to the strings in their order and end with a 0 each. The auxiliary vector has every AuxiliaryType, ending with
/// kAuxEnd: the program's headers, their size and number, the page size, the base of the interpreter (0 without one), no
/// flags, the program's own entry, user and group of image.ids, real and effective, the processor's
/// capabilities (cpu_capabilities()), kClockTicks, whether effective ones differ from real ones, where 16 random bytes are (new in each
/// program, fill_random()), and the path. EFAULT, ENOMEM.
Result<void> build_initial_stack(NewImage& image);

/// The point of no return: makes the running process the new program, and `frame` its first registers. It can't
/// fail, and whatever may has been done before; the other threads are gone (become_only_thread()).
/// The process's memory is image.space, and the old one is let go. Descriptors with close-on-exec are closed.
/// It is who image.ids says (change_ids()), and acts on files for the effective ones. It begins anew
/// (begin_anew()): its name is image.name, its first stack pointer image.stack_pointer, and of signals only which
/// are ignored, blocked or pending stays.
/// `frame`: execution begins at image.entry() with the stack pointer at image.stack_pointer, all other registers
/// 0, user selectors, interrupts on.
void enter_image(TrapFrame& frame, NewImage& image);

// ---- Provided (exec/capabilities.cc) ---------------------------------------------------------

/// What CPUID says in leaf 1, EDX: AT_HWCAP on x86-64.
uint64_t cpu_capabilities();

}  // namespace cairn
