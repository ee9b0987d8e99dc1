// A handler's stack frame: what a process finds on its stack when a handler begins, and what brings it back.
// Source: Linux, sigreturn(2), sigaltstack(2); arch/x86/include/uapi/asm/{sigcontext,ucontext}.h.
#pragma once

#include "arch/trap_frame.h"
#include "process/signal_action.h"
#include "process/signal_info.h"
#include "process/user_thread.h"

namespace cairn {

/// Changes the running thread's registers so that it enters the handler, and writes the frame that has them as they
/// were. `mask` is what it blocked. EFAULT, with the registers unchanged: no room there, or nowhere to return to.
/// Interrupts on; may sleep.
Result<void> enter_handler(TrapFrame& frame, const SignalInfo& info, const SignalAction& action,
                           uint64_t mask);

/// rt_sigreturn(): the registers, the mask and the alternate stack are those of the frame that the stack pointer is
/// in, as far as user mode may set them. EFAULT where it can't be read or asks for what no user mode has; whatever
/// was read of it is in force then. Interrupts on; may sleep.
Result<void> leave_handler(TrapFrame& frame);

/// Linux's stack_t.
struct UserStack {
  uint64_t start;
  uint32_t flags;
  uint32_t padding;
  uint64_t size;
};
/// The running thread's alternate stack, for a stack pointer of its.
UserStack describe_alternate_stack(const UserThread& thread, uint64_t stack_pointer);
/// EPERM: the stack pointer is in it; EINVAL: unknown flags; ENOMEM: too small for a frame.
Result<void> set_alternate_stack(UserThread& thread, const UserStack& stack,
                                 uint64_t stack_pointer);

}  // namespace cairn
