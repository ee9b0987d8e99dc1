#include "debug/panic.h"

#include <atomic>

#include "arch/cpu.h"
#include "arch/early_serial.h"
#include "arch/percpu.h"
#include "debug/exit.h"
#include "debug/symbols.h"
#include "debug/trace.h"
#include "lib/assert.h"
#include "sync/lock_order.h"

namespace cairn {

namespace {

/// Straight to the port: whoever panics may hold any lock.
class PanicWriter final : public Writer {
 public:
  void write(std::string_view text) override { early_serial_write(text); }
};

constinit std::atomic<bool> panicking{false};
constinit std::atomic<PanicContext> panic_context{nullptr};

void begin_panic(Writer& out, const char* message) {
  disable_interrupts();
  if (panicking.exchange(true)) {  // a panic in the panic: say so and stop
    print(out, "\npanic within a panic: {}\n", message);
    if (is_graded_run()) debug_exit(kExitPanic);
    halt_forever();
  }
  print(out, "\npanic: {}\n", message);
  print(out, "cpu {}", this_cpu().id);
  if (PanicContext context = panic_context; context != nullptr) context(out);
  print(out, "\n");
}

[[noreturn]] void end_panic(Writer& out) {
  print_held_locks(out);
  print_trace(out, 16, /*scheduling=*/false);
  print(out, "end of panic\n");
  if (is_graded_run()) debug_exit(kExitPanic);
  print(out, "Ctrl-A x leaves QEMU. `make qemu-gdb` and `make gdb` stop where it happens.\n");
  halt_forever();
}

void print_registers(Writer& out, const TrapFrame& f) {
  print(out, "vector {} error {:x} cr2 {}\n", f.vector, f.error, read_cr2());
  print(out, "rip {:x} cs {:x} rflags {:x} rsp {:x} ss {:x} cr3 {:x}\n", f.rip, f.cs, f.rflags,
        f.rsp, f.ss, Cr3::read().value);
  print(out, "rax {:x} rbx {:x} rcx {:x} rdx {:x}\n", f.rax, f.rbx, f.rcx, f.rdx);
  print(out, "rsi {:x} rdi {:x} rbp {:x} r8  {:x}\n", f.rsi, f.rdi, f.rbp, f.r8);
  print(out, "r9  {:x} r10 {:x} r11 {:x} r12 {:x}\n", f.r9, f.r10, f.r11, f.r12);
  print(out, "r13 {:x} r14 {:x} r15 {:x}\n", f.r13, f.r14, f.r15);
}

}  // namespace

void set_panic_context(PanicContext context) { panic_context = context; }

void panic(const char* message) {
  PanicWriter out;
  begin_panic(out, message);
  auto* frame = static_cast<const uint64_t*>(__builtin_frame_address(0));
  print(out, "cr3 {:x} rsp {:x}\n", Cr3::read().value, reinterpret_cast<uint64_t>(frame));
  print_backtrace(out, frame[1], frame[0]);
  end_panic(out);
}

void panic_at(const TrapFrame& frame, const char* message) {
  PanicWriter out;
  begin_panic(out, message);
  print_registers(out, frame);
  print_backtrace(out, frame.rip, frame.rbp);
  end_panic(out);
}

void assertion_failed(const char* expression, const char* file, int line) {
  char text[240];
  BufferWriter out(text);
  print(out, "assertion failed: {} ({}:{})", expression, file, line);
  panic(text);
}

void comparison_failed(const char* expression, uint64_t left, uint64_t right, const char* file,
                       int line) {
  char text[240];
  BufferWriter out(text);
  print(out, "assertion failed: {}: {} ({:x}) is not {} ({:x}) ({}:{})", expression, left, left,
        right, right, file, line);
  panic(text);
}

}  // namespace cairn
