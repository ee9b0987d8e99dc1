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

constinit std::atomic<PanicContext> panic_context{nullptr};
constinit std::atomic<PanicStopper> panic_stopper{nullptr};
constinit std::atomic<const Cpu*> panicked{nullptr};  // the processor that did so first
// Whose turn it is to print; it gives it back by null.
constinit std::atomic<const Cpu*> speaker{nullptr};

// Looks at `speaker` before a processor is taken for gone.
constexpr unsigned kPatience = 100'000'000;

void print_where(Writer& out) {
  print(out, "cpu {}", this_cpu().id);
  if (PanicContext context = panic_context; context != nullptr) context(out);
  print(out, "\n");
}

void begin_panic(Writer& out, const char* message) {
  disable_interrupts();
  const Cpu* first = nullptr;
  if (!panicked.compare_exchange_strong(first, &this_cpu())) {
    if (first != &this_cpu()) halt_forever();  // its NMI is on the way
    print(out, "\npanic within a panic: {}\n", message);
    if (is_graded_run()) debug_exit(kExitPanic);
    halt_forever();
  }
  print(out, "\npanic: {}\n", message);
  print_where(out);
}

/// Stops the others, and has them print one after the other.
void print_other_processors(Writer& out) {
  PanicStopper stop = panic_stopper;
  if (stop == nullptr) return;
  stop();
  for (const Cpu* cpu : all_cpus()) {
    if (cpu == &this_cpu()) continue;
    speaker.store(cpu);
    unsigned looks = 0;
    while (speaker.load() == cpu && looks++ < kPatience) relax_cpu();
    if (speaker.exchange(nullptr) == cpu) print(out, "\ncpu {} doesn't answer\n", cpu->id);
  }
}

[[noreturn]] void end_panic(Writer& out) {
  print_held_locks(out);
  print_other_processors(out);
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
void set_panic_stopper(PanicStopper stopper) { panic_stopper = stopper; }

void stop_if_panicking(const TrapFrame& frame) {
  if (panicked.load() == nullptr || panicked.load() == &this_cpu()) return;
  PanicWriter out;
  while (speaker.load() != &this_cpu()) relax_cpu();
  print(out, "\n");
  print_where(out);
  print_registers(out, frame);
  print_backtrace(out, frame.rip, frame.rbp);
  print_held_locks(out);
  speaker.store(nullptr);
  halt_forever();
}

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
