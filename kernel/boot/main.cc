// From the entry code to the prompt: a list of steps, each with what it needs from those before.
#include "acpi/acpi.h"
#include "arch/cpu.h"
#include "arch/descriptors.h"
#include "arch/early_serial.h"
#include "boot/boot_info.h"
#include "boot/file_systems.h"
#include "debug/exit.h"
#include "debug/log.h"
#include "debug/panic.h"
#include "drivers/fw_cfg.h"
#include "drivers/ram_disk.h"
#include "drivers/uart.h"
#include "drivers/virtio_blk.h"
#include "interrupts/apic.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/kernel_half.h"
#include "monitor/monitor.h"
#include "process/boot_programs.h"
#include "process/process.h"
#include "process/program.h"
#include "sched/processors.h"
#include "sched/rcu.h"
#include "sched/scheduler.h"
#include "time/clock.h"
#include "time/timer.h"
#include "tty/console.h"

namespace cairn {

namespace {

/// What a boot step can give to later ones, as bits.
enum Ready : uint32_t {
  kNothing = 0,
  kProcessor = 1 << 0,   // descriptors, traps, per-CPU area
  kBootInfo = 1 << 1,    // memory map, modules, options
  kTables = 1 << 2,      // ACPI has been read (under the boot map)
  kKernelMap = 1 << 3,   // the kernel half
  kFrames = 1 << 4,      // frame allocator and heap
  kInterrupts = 1 << 5,  // APICs
  kClock = 1 << 6,
  kThreads = 1 << 7,
  kConsole = 1 << 8,
  kDisks = 1 << 9,
  kPrograms = 1 << 10,
  kFiles = 1 << 11,
};

struct BootStep {
  const char* name;
  uint32_t needs;
  uint32_t gives;
  void (*run)();
};

[[noreturn]] void stop_boot(const char* why) {
  log_error("boot", "{}", why);
  early_serial_write("boot stopped\n");
  if (is_graded_run()) debug_exit(kExitPanic);
  halt_forever();
}

constexpr uint64_t kLeastMemory = 31ull << 20;  // bytes: what a machine of 32 MiB has left
constexpr uint64_t kLowMemory = 1 << 20;  // bytes: firmware's, and for the start of processors

extern "C" char image_physical_start[], image_physical_end[];

void set_up_processor() {
  load_descriptors(boot_cpu);
  enable_protections();
}

/// The options that QEMU's command line adds (-fw_cfg name=opt/cairn/options,string=…).
void add_fw_cfg_options() {
  size_t used = strlen(boot_info.options);
  size_t room = sizeof(boot_info.options) - 1 - used;
  if (room < 2) return;
  auto length = read_fw_cfg("opt/cairn/options", {boot_info.options + used + 1, room - 1});
  if (!length.ok()) return;
  boot_info.options[used] = ' ';
  boot_info.options[used + 1 + *length] = '\0';
}

void read_options() {
  add_fw_cfg_options();
  if (has_option("graded")) {
    set_graded_run();
    set_console_level(LogLevel::kWarning);
  }
  std::string_view level = option_value("log=");
  constexpr std::string_view kLevels[] = {"error", "warn", "info", "debug"};
  for (size_t i = 0; i < 4; i++) {
    if (level == kLevels[i]) set_console_level(LogLevel(i));
  }
}

void reserve_memory() {
  MemoryMap& map = boot_info.memory;
  map.reserve({PhysAddr(0), PhysAddr(kLowMemory)});
  map.reserve({PhysAddr(reinterpret_cast<uint64_t>(image_physical_start)),
               PhysAddr(reinterpret_cast<uint64_t>(image_physical_end))});
  for (size_t i = 0; i < boot_info.module_count; i++) map.reserve(boot_info.modules[i].range);
}

void check_memory() {
  read_options();
  reserve_memory();
  uint64_t mebibytes = boot_info.memory.total_bytes() >> 20;
  log_info("boot", "Cairn, started by {}; {} MiB of memory", boot_info.loader, mebibytes);
  if (boot_info.memory.total_bytes() < kLeastMemory) {
    stop_boot("too little memory: 32 MiB are needed (QEMU: -m 32M, make: MEMORY=32M)");
  }
}

void read_tables() {
  if (has_option("acpi=off")) {
    do_without_acpi();
  } else {
    read_acpi_tables(boot_info.rsdp);
  }
}

void map_kernel() {
  if (!build_kernel_half(boot_info.memory)) stop_boot("no memory for the kernel's page tables");
}

void start_frames() {
  if (!initialise_frame_allocator(boot_info.memory)) stop_boot("no memory for the frame table");
}

void start_interrupts() {
  if (!start_local_apic().ok() || !start_io_apics().ok()) stop_boot("the APICs can't be mapped");
}

constinit TimerQueue boot_timers;

void start_clock() {
  calibrate_clock();
  start_timers(boot_timers);
}

void start_threads() {
  if (!start_scheduler("main", VirtAddr(0)).ok() || !start_rcu().ok()) {
    stop_boot("no memory for the first threads");
  }
  set_panic_context([](Writer& out) {
    Thread* thread = current_thread();
    if (thread == nullptr) return;
    print(out, ", thread '{}'", thread->name);
    if (thread->process != nullptr) print(out, ", pid {}", thread->process->pid);
  });
  enable_interrupts();
}

/// The option window=ROWSxCOLUMNS: how large the terminal is that shows the console.
void set_window() {
  uint16_t sizes[2] = {};
  size_t known = 0;
  for (char c : option_value("window=")) {
    if (c == 'x' && known == 0) {
      known = 1;
    } else if (c >= '0' && c <= '9' && sizes[known] < 1000) {
      sizes[known] = uint16_t(sizes[known] * 10 + (c - '0'));
    } else {
      return;
    }
  }
  if (known == 1) set_console_window(sizes[0], sizes[1]);
}

void start_console() {
  auto started = console_uart.start();
  if (!started.ok()) return log_error("boot", "no serial port COM1");
  set_window();
  start_console_input();
  set_log_sink([](std::string_view line) { console_uart.write_lines(line); });
}

void start_disks() {
  start_virtio_disks();
  for (size_t i = 0; i < boot_info.module_count; i++) {
    const BootModule& module = boot_info.modules[i];
    if (!is_disk_image(module.name)) continue;
    auto added = add_ram_disk({direct_map_as<uint8_t>(module.range.start), module.range.size()});
    if (!added.ok()) log_error("boot", "module {}: no memory for a RAM disk", module.name);
  }
}

void add_programs() {
  unsigned count = 0;
  for (size_t i = 0; i < boot_info.module_count; i++) {
    const BootModule& module = boot_info.modules[i];
    if (is_disk_image(module.name)) continue;
    auto added = add_programs_from_archive(
        {direct_map_as<const uint8_t>(module.range.start), module.range.size()});
    if (!added.ok()) {
      log_error("boot", "module {}: the programs' archive is damaged (rebuild it: make programs)",
                module.name);
      continue;
    }
    count += *added;
  }
  if (boot_info.module_count == 0) {
    log_error("boot", "no module: the boot loader brought no programs (programs.cpio)");
  }
  log_info("boot", "{} programs", count);
}

void start_files() {
  if (start_file_systems != nullptr) start_file_systems();
}

void start_monitors() {
  if (!start_monitor().ok()) stop_boot("no memory for the monitor");
  if (!has_option("channel")) return;
  auto started = start_channel();
  if (!started.ok()) log_error("boot", "no serial port COM2 for the channel");
}

/// The option init=PATH: process 1, whose the console is from then on. Where it can't be run, the monitor goes on.
void start_init() {
  std::string_view path = option_value("init=");
  if (path.empty()) return;
  char command_line[kMaxCommandLine];
  BufferWriter(command_line).write(path);
  if (!has_program(path)) {
    return log_error("boot", "init={}: there is no such program; the monitor goes on", path);
  }
  auto started = start_process("init", command_line, true, kInitPid);
  if (!started.ok()) stop_boot("no memory for init");
  if (!(*started)->entered) {
    return log_error("boot", "init={}: it can't be run; the monitor goes on", path);
  }
  give_console_to_init();
}

constexpr BootStep kSteps[] = {
    {"check memory", kProcessor, kBootInfo, check_memory},
    {"read ACPI tables", kBootInfo, kTables, read_tables},
    {"map the kernel", kBootInfo | kTables, kKernelMap, map_kernel},
    {"frames", kKernelMap, kFrames, start_frames},
    {"interrupts", kFrames | kTables, kInterrupts, start_interrupts},
    {"clock", kInterrupts, kClock, start_clock},
    {"threads", kFrames | kClock, kThreads, start_threads},
    {"console", kThreads | kInterrupts, kConsole, start_console},
    {"processors", kTables | kThreads | kConsole, kNothing, start_processors},
    {"disks", kThreads | kInterrupts | kClock | kConsole, kDisks, start_disks},
    {"programs", kThreads | kFrames | kDisks, kPrograms, add_programs},
    {"files", kDisks | kConsole, kFiles, start_files},
    {"init", kConsole | kPrograms | kFiles, kNothing, start_init},
    {"monitor", kConsole | kPrograms | kFiles, kNothing, start_monitors},
};

/// Every step's needs are given by steps before it.
constexpr bool order_is_right() {
  uint32_t ready = kProcessor;
  for (const BootStep& step : kSteps) {
    if ((step.needs & ~ready) != 0) return false;
    ready |= step.gives;
  }
  return true;
}
static_assert(order_is_right(), "a boot step stands before one that it needs");

}  // namespace

/// Called by start.S on the boot stack, interrupts off, under the boot map.
extern "C" [[noreturn]] void kernel_main(uint64_t magic, uint64_t info) {
  early_serial_setup();
  set_up_processor();
  if (!read_boot_info(magic, PhysAddr(info))) {
    stop_boot("neither Multiboot2 nor PVH: boot the kernel with GRUB2 or QEMU's -kernel");
  }
  for (const BootStep& step : kSteps) {
    log_debug("boot", "{}", step.name);
    step.run();
  }
  exit_thread();  // the boot stack is not needed any more
}

}  // namespace cairn
