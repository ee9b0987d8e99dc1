// Returns to user mode through frames that were changed: every register is as the frame says, and a frame that
// the processor refuses ends its process alone.
#include <array>

#include "address_space/user_copy.h"
#include "debug/kernel_test.h"
#include "process/process.h"
#include "process/signal.h"
#include "sched/scheduler.h"

namespace cairn {

extern "C" void syscall_dispatch(TrapFrame& call);

namespace {

constexpr VirtAddr kCode{0x400000};
constexpr uint64_t kRcx = 0x1234567, kR11 = 0x7654321;

// exit(0) if rcx and r11 are kRcx and kR11, else exit(rdi), in machine code.
constexpr std::array<uint8_t, 27> kProgram = {
    0x48, 0x81, 0xf9, 0x67, 0x45, 0x23, 0x01,  // cmp rcx, kRcx
    0x75, 0x0b,                                // jne 1f
    0x49, 0x81, 0xfb, 0x21, 0x43, 0x65, 0x07,  // cmp r11, kR11
    0x75, 0x02,                                // jne 1f
    0x31, 0xff,                                // xor edi, edi
    0xb8, 0x3c, 0x00, 0x00, 0x00,              // 1: mov eax, 60
    0x0f, 0x05,                                // syscall
};
constexpr uint64_t kYield = 24;  // a call that changes nothing

struct Return {
  TrapFrame frame{};
  bool from_call = false;  // out of a system call whose frame somebody changed
};

Result<void> load_program() {
  RegionRequest code;
  code.address = kCode;
  code.size = kPageSize;
  code.access = {.read = true, .write = true};
  code.fixed = true;
  TRY(current_address_space()->map_region(code));
  TRY(copy_to_user(kCode, kProgram.data(), kProgram.size()));
  return current_address_space()->protect_range({kCode, kCode + kPageSize},
                                                {.read = true, .execute = true});
}

void run_return(void* argument) {
  Return wanted = *static_cast<Return*>(argument);
  if (!load_program().ok()) exit_process(exit_status(99));
  disable_interrupts();
  if (wanted.from_call) {
    wanted.frame.rax = kYield;
    current_thread()->interrupted = true;
    syscall_dispatch(wanted.frame);  // doesn't come back
  }
  return_to_user(&wanted.frame);
}

TrapFrame good_frame() {
  TrapFrame frame{};
  frame.rip = kCode.value;
  frame.cs = kUserCodeSelector;
  frame.ss = kUserDataSelector;
  frame.rflags = kRflagsInterrupt | kRflagsReserved;
  frame.rcx = kRcx;
  frame.r11 = kR11;
  frame.rdi = 5;
  return frame;
}

/// The status of a process that returns to user mode so.
int status_of(Return wanted) {
  auto process = create_process("return");
  if (!process.ok()) return -1;
  auto thread = add_thread(**process, run_return, &wanted);
  if (!thread.ok()) return discard_process(**process), -1;
  make_ready(**thread);
  auto status = wait_for_process(**process, nullptr);
  return status.ok() ? *status : -1;
}

KERNEL_TEST(a_return_restores_every_register) {
  EXPECT(status_of({good_frame(), false}) == exit_status(0));
  EXPECT(status_of({good_frame(), true}) == exit_status(0));
  TrapFrame other = good_frame();
  other.rcx++;
  EXPECT(status_of({other, true}) == exit_status(5));
}

KERNEL_TEST(a_frame_that_the_processor_refuses_ends_its_process) {
  for (bool from_call : {false, true}) {
    for (uint64_t rip : {uint64_t(1) << 47, uint64_t(0x8000'0000'0000'0000), kUserEnd.value}) {
      TrapFrame frame = good_frame();
      frame.rip = rip;
      EXPECT(status_of({frame, from_call}) == int(kSigSegv));
    }
    for (uint64_t selector : {0x0bull, 0x13ull, 0x33ull, 0xfff3ull}) {
      TrapFrame frame = good_frame();
      frame.cs = selector;
      EXPECT(status_of({frame, from_call}) == int(kSigSegv));
      frame = good_frame();
      frame.ss = selector;
      EXPECT(status_of({frame, from_call}) == int(kSigSegv));
    }
  }
  EXPECT(status_of({good_frame(), false}) == exit_status(0));
}

}  // namespace

}  // namespace cairn
