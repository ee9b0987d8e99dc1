// The frame of a handler, from high addresses to low:
//
//       what the program had on its stack
//       red zone                      128 bytes that leaf functions use below their stack pointer
//       FPU state                     512 bytes, aligned to 64
//       siginfo_t                     128 bytes: the handler's second argument
//       ucontext                      registers, mask, alternate stack: the third
//       address of the restorer       where the handler returns to; it calls rt_sigreturn
//                                     <- stack pointer, 8 off a multiple of 16, as after a call
//
// A process may write anything into it before rt_sigreturn reads it back. So that takes nothing but what user mode
// could have come to by itself: its own segments, an address in its half, flags that it may change, valid MXCSR bits.
#include "process/signal_frame.h"

#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "process/process.h"
#include "process/signal.h"

namespace cairn {

namespace {

constexpr uint64_t kRedZone = 128;  // bytes
constexpr uint64_t kFpuAlignment = 64, kStackAlignment = 16;

constexpr uint32_t kStackActive = 1, kStackDisabled = 2, kStackAutoDisarm = 1u << 31;
constexpr uint64_t kSmallestStack = 2048;  // bytes (MINSIGSTKSZ)

// UserContext::flags: the stack segment is in the frame, and to be taken from it.
constexpr uint64_t kHasStackSegment = 2, kTakeStackSegment = 4;

struct UserContext {
  uint64_t flags;
  uint64_t link;
  UserStack stack;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
      rflags;
  uint16_t cs, gs, fs, ss;
  uint64_t error, vector;
  uint64_t old_mask;
  uint64_t fault_address;
  uint64_t fpu;  // address of the FPU state, 0 for none
  uint64_t reserved[8];
  uint64_t mask;
};
static_assert(sizeof(UserContext) == 304);

struct SignalFrame {
  uint64_t restorer;
  UserContext context;
  SignalInfo info;
  uint8_t rest_of_info[kUserSignalInfoSize - sizeof(SignalInfo)];
};
static_assert(sizeof(SignalFrame) == 440);

constexpr uint64_t kRflagsDirection = 1 << 10, kRflagsAlignment = 1 << 18;
// CF, PF, AF, ZF, SF, OF and those three.
constexpr uint64_t kChangeableRflags =
    0x8d5 | kRflagsTrap | kRflagsDirection | kRflagsResume | kRflagsAlignment;

constinit const FpuState kInitialFpu;

// The same registers under the same names on both sides.
template <class To, class From>
void copy_registers(To& to, const From& from) {
  to.r8 = from.r8, to.r9 = from.r9, to.r10 = from.r10, to.r11 = from.r11;
  to.r12 = from.r12, to.r13 = from.r13, to.r14 = from.r14, to.r15 = from.r15;
  to.rdi = from.rdi, to.rsi = from.rsi, to.rbp = from.rbp, to.rbx = from.rbx;
  to.rdx = from.rdx, to.rax = from.rax, to.rcx = from.rcx, to.rsp = from.rsp;
  to.rip = from.rip;
}

struct Places {
  uint64_t frame, fpu;
};

/// Where a frame goes. EFAULT: it would leave the alternate stack.
Result<Places> choose_places(const UserThread& thread, uint64_t stack_pointer, bool on_alternate) {
  const AlternateStack& other = thread.alternate_stack;
  bool nested = other.contains(stack_pointer) && !other.auto_disarm;
  bool enters = on_alternate && other.size != 0 && !nested;
  uint64_t top = enters ? other.start + other.size : stack_pointer - kRedZone;
  Places places;
  places.fpu = align_down(top - sizeof(FpuState), kFpuAlignment);
  places.frame = align_down(places.fpu - sizeof(SignalFrame), kStackAlignment) - sizeof(uint64_t);
  if ((nested || enters) && !other.contains(places.frame)) return Errno::kEFAULT;
  return places;
}

void fill(SignalFrame& out, const UserThread& thread, const TrapFrame& frame,
          const SignalInfo& info, const SignalAction& action, uint64_t mask, uint64_t fpu) {
  out.restorer = action.restorer;
  UserContext& context = out.context;
  context.flags = kHasStackSegment | kTakeStackSegment;
  context.link = 0;
  context.stack = describe_alternate_stack(thread, 0);  // as it was set
  copy_registers(context, frame);
  context.rflags = frame.rflags;
  context.cs = uint16_t(frame.cs);
  context.gs = context.fs = 0;
  context.ss = uint16_t(frame.ss);
  context.error = thread.last_fault.error;
  context.vector = thread.last_fault.vector;
  context.fault_address = thread.last_fault.address;
  context.old_mask = context.mask = mask;
  context.fpu = fpu;
  for (uint64_t& word : context.reserved) word = 0;
  out.info = info;
  for (uint8_t& byte : out.rest_of_info) byte = 0;
}

/// What a frame has of the FPU, or the state that programs begin with. EFAULT.
Result<void> load_fpu(uint64_t address) {
  if (address == 0) return kInitialFpu.restore(), Result<void>();
  alignas(FpuState) std::byte room[sizeof(FpuState)];
  auto* state = reinterpret_cast<FpuState*>(room);
  TRY(copy_from_user(state, VirtAddr(address), sizeof(*state)));
  current_thread()->fpu.save();  // for what it says of MXCSR
  if ((state->mxcsr & ~current_thread()->fpu.valid_mxcsr()) != 0) return Errno::kEFAULT;
  state->restore();
  return {};
}

bool may_return_to(const UserContext& context) {
  bool stack_segment =
      (context.flags & kTakeStackSegment) == 0 || (context.ss | 3) == kUserDataSelector;
  return is_user_address(VirtAddr(context.rip)) && (context.cs | 3) == kUserCodeSelector &&
         stack_segment;
}

}  // namespace

Result<void> enter_handler(TrapFrame& frame, const SignalInfo& info, const SignalAction& action,
                           uint64_t mask) {
  UserThread& me = current_user_thread();
  if ((action.flags & kHasRestorer) == 0) return Errno::kEFAULT;
  Places places = TRY(choose_places(me, frame.rsp, (action.flags & kOnStack) != 0));
  SignalFrame out;
  fill(out, me, frame, info, action, mask, places.fpu);
  me.fpu.save();  // a switch meanwhile would save the same
  TRY(copy_to_user(VirtAddr(places.fpu), &me.fpu, sizeof(me.fpu)));
  TRY(copy_to_user(VirtAddr(places.frame), &out, sizeof(out)));
  kInitialFpu.restore();
  if (me.alternate_stack.auto_disarm) me.alternate_stack = {};
  frame.rdi = info.number();
  frame.rsi = places.frame + offsetof(SignalFrame, info);
  frame.rdx = places.frame + offsetof(SignalFrame, context);
  frame.rax = 0;
  frame.rsp = places.frame;
  frame.rip = action.handler;
  frame.rflags &= ~(kRflagsDirection | kRflagsTrap | kRflagsResume);
  return {};
}

Result<void> leave_handler(TrapFrame& frame) {
  UserThread& me = current_user_thread();
  // The handler's return took the restorer's address off the stack.
  uint64_t start = frame.rsp - sizeof(uint64_t);
  UserContext context;
  VirtAddr from(start + offsetof(SignalFrame, context));
  TRY(copy_from_user(&context, from, sizeof(context)));
  set_blocked_signals(context.mask);
  copy_registers(frame, context);
  frame.rflags = (frame.rflags & ~kChangeableRflags) | (context.rflags & kChangeableRflags);
  TRY(load_fpu(context.fpu));
  (void)set_alternate_stack(me, context.stack,
                            frame.rsp);  // as on Linux, a bad one changes nothing
  return may_return_to(context) ? Result<void>() : Errno::kEFAULT;
}

UserStack describe_alternate_stack(const UserThread& thread, uint64_t stack_pointer) {
  const AlternateStack& stack = thread.alternate_stack;
  uint32_t flags = stack.auto_disarm ? kStackAutoDisarm : 0;
  if (stack.size == 0) {
    flags |= kStackDisabled;
  } else if (stack.contains(stack_pointer) && !stack.auto_disarm) {
    flags |= kStackActive;
  }
  return {stack.start, flags, 0, stack.size};
}

Result<void> set_alternate_stack(UserThread& thread, const UserStack& stack,
                                 uint64_t stack_pointer) {
  AlternateStack& now = thread.alternate_stack;
  if (now.contains(stack_pointer) && !now.auto_disarm) return Errno::kEPERM;
  uint32_t mode = stack.flags & ~kStackAutoDisarm;
  if (mode != 0 && mode != kStackActive && mode != kStackDisabled) return Errno::kEINVAL;
  bool auto_disarm = (stack.flags & kStackAutoDisarm) != 0;
  if (mode == kStackDisabled) {
    now = {0, 0, auto_disarm};
    return {};
  }
  if (stack.size < kSmallestStack) return Errno::kENOMEM;
  now = {stack.start, stack.size, auto_disarm};
  return {};
}

}  // namespace cairn
