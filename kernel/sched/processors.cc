// A processor that starts is offered an area (Cpu), a stack and a page table root in `ap_start`, one processor at a
// time. Coming, it takes the offer in one atomic step (arch/start_ap.S). The boot processor withdraws an offer that
// nobody took in the same way, so that one who comes too late finds nothing and stops.
#include "sched/processors.h"

#include "acpi/acpi.h"
#include "arch/cpu.h"
#include "arch/descriptors.h"
#include "arch/layout.h"
#include "debug/log.h"
#include "debug/panic.h"
#include "interrupts/apic.h"
#include "interrupts/ipi.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/kernel_half.h"
#include "memory/kernel_stack.h"
#include "memory/page_table.h"
#include "sched/scheduler.h"
#include "sched/wait_queue.h"
#include "time/clock.h"
#include "time/timer.h"

namespace cairn {

// Values and offsets known to start_ap.S.
enum class Offer : uint32_t { kNone = 0, kOffered = 1, kTaken = 2, kRunning = 3 };
struct ApStart {
  uint32_t apic_id = 0;
  std::atomic<Offer> state{Offer::kNone};
  PhysAddr root{};
  VirtAddr stack_top{};
  Cpu* cpu = nullptr;
};
static_assert(offsetof(ApStart, state) == 4 && offsetof(ApStart, root) == 8);
static_assert(offsetof(ApStart, stack_top) == 16 && offsetof(ApStart, cpu) == 24);

extern "C" {
constinit ApStart ap_start;
extern const char ap_trampoline_start[], ap_trampoline_end[];
}

namespace {

constexpr uint8_t kStartPage = 8;  // of the first MiB, which is nobody's (boot/main.cc)

/// What a processor needs before it can ask for anything.
struct Equipment {
  Cpu* cpu = nullptr;
  TimerQueue* timers = nullptr;
  VirtAddr stack_top{};

  Result<void> get() {
    cpu = new_object<Cpu>();
    timers = new_object<TimerQueue>();
    if (cpu == nullptr || timers == nullptr) return Errno::kENOMEM;
    cpu->id = CpuId(unsigned(all_cpus().size()));
    cpu->timers = timers;
    stack_top = TRY(allocate_kernel_stack());
    return {};
  }
  void give_back() {
    delete cpu;
    delete timers;
    if (stack_top.value != 0) free_kernel_stack(stack_top);
  }
};

/// Whether the offer could be taken back: nobody came.
bool withdraw_offer() {
  auto offered = Offer::kOffered;
  return ap_start.state.compare_exchange_strong(offered, Offer::kNone);
}

Result<void> offer_and_start(uint32_t apic_id, const Equipment& equipment) {
  ap_start.apic_id = apic_id;
  ap_start.root = kernel_root();
  ap_start.stack_top = equipment.stack_top;
  ap_start.cpu = equipment.cpu;
  ap_start.state.store(Offer::kOffered);
  auto started = start_processor(apic_id, kStartPage);
  if (withdraw_offer()) return started.ok() ? Errno::kENODEV : started.error();
  while (ap_start.state.load() != Offer::kRunning) (void)sleep_until(monotonic_ns() + 100'000);
  return {};
}

void start_one(uint32_t apic_id) {
  Equipment equipment;
  auto started = equipment.get();
  if (started.ok()) started = offer_and_start(apic_id, equipment);
  if (started.ok()) return;
  equipment.give_back();
  log_error("smp", "the processor with APIC {} didn't start: {}", apic_id,
            started.error() == Errno::kENOMEM ? "no memory for it" : "it doesn't answer");
}

/// A processor's first lines in C++, interrupts off, on the kernel's tables and its own stack.
extern "C" [[noreturn]] void ap_main(Cpu& cpu) {
  load_kernel_half();
  load_descriptors(cpu);
  enable_protections();
  if (!start_local_apic().ok()) panic("a processor's APIC can't be reached");
  start_timers(*cpu.timers);
  if (!start_scheduler("first", ap_start.stack_top).ok())
    panic("no memory for a processor's threads");
  cpu.current->last_cpu = cpu.id;
  add_cpu(cpu);
  ap_start.state.store(Offer::kRunning);  // from here on it may be another's
  enable_interrupts();
  exit_thread();
}

/// Source: Intel SDM 3A, "Interrupt Command Register (ICR)": an NMI to all but the sender.
void interrupt_all_others() {
  constexpr uint32_t kAllButSelf = 3 << 18, kAssert = 1 << 14, kNmiMode = 4 << 8;
  write_interrupt_command(0, kAllButSelf | kAssert | kNmiMode);
}

}  // namespace

bool has_come() {
  Offer state = ap_start.state.load();
  return state == Offer::kTaken || state == Offer::kRunning;
}

void start_processors() {
  const ProcessorList& list = acpi_info().processors;
  if (list.count <= 1) return;
  start_ipis();
  set_panic_stopper(interrupt_all_others);
  memcpy(direct_map(PhysAddr(kStartPage * kPageSize)), ap_trampoline_start,
         size_t(ap_trampoline_end - ap_trampoline_start));
  for (uint32_t apic_id : list.all()) {
    if (apic_id != boot_cpu.apic_id && all_cpus().size() < kMaxCpus) start_one(apic_id);
  }
  log_info("smp", "{} of {} processors run", all_cpus().size(), list.count);
}

}  // namespace cairn
