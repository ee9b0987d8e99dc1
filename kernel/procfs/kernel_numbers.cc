// /proc/stat, meminfo, loadavg, uptime: what the whole system does.
// Source: Linux, proc(5), "/proc/stat", "/proc/meminfo", "/proc/loadavg", "/proc/uptime".
#include <algorithm>

#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "page_cache/page_cache.h"
#include "process/pid_table.h"
#include "procfs/entry.h"
#include "sched/load.h"
#include "sched/scheduler.h"
#include "time/clock.h"

namespace cairn {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000, kTickNs = 10'000'000;

uint64_t counter_value(std::string_view name) {
  for (const Counter& counter : all_counters()) {
    if (name == counter.name()) return counter.value();
  }
  return 0;
}

uint64_t idle_ns_of_all() {
  uint64_t sum = 0;
  for (const Cpu* cpu : all_cpus()) sum += idle_ns(*cpu);
  return sum;
}

/// What the processors did while they weren't idle; as much as was told before, or more.
CpuTime busy_time(uint64_t now_ns) {
  static constinit CpuTime told GUARDED_BY(process_tree_lock);
  uint64_t all_ns = now_ns * all_cpus().size();
  uint64_t busy_ns = all_ns - std::min(all_ns, idle_ns_of_all());
  CpuUse ticks = ticks_of_all();
  uint64_t count = ticks.user_samples + ticks.kernel_samples;
  uint64_t kernel_ns = count == 0 ? 0 : busy_ns / count * ticks.kernel_samples;
  IrqGuard guard(process_tree_lock);
  told.advance({busy_ns - kernel_ns, kernel_ns});
  return told;
}

void print_cpu(Writer& out, std::string_view name, const CpuTime& busy, uint64_t idle_ns) {
  print(out, "{} {} 0 {} {} 0 0 0 0 0 0\n", name, busy.user_ns / kTickNs, busy.kernel_ns / kTickNs,
        idle_ns / kTickNs);
}

/// Seconds with two digits behind the point.
void print_seconds(Writer& out, uint64_t ns) {
  const uint64_t hundredths = ns / kTickNs % 100;
  print(out, "{}.{}{}", ns / kNsPerSecond, hundredths / 10, hundredths % 10);
}

void print_average(Writer& out, uint64_t average) {
  const uint64_t rounded = average + kLoadUnit / 200;
  const uint64_t hundredths = rounded % kLoadUnit * 100 / kLoadUnit;
  print(out, "{}.{}{} ", rounded / kLoadUnit, hundredths / 10, hundredths % 10);
}

}  // namespace

Result<void> print_kernel_stat(const ProcTarget&, ProcText& out) {
  const uint64_t now_ns = monotonic_ns();
  const CpuTime busy = busy_time(now_ns);
  print_cpu(out, "cpu ", busy, idle_ns_of_all());
  const uint64_t cpus = all_cpus().size();
  for (const Cpu* cpu : all_cpus()) {
    char name[16];
    BufferWriter writer(name);
    print(writer, "cpu{}", cpu->id);
    // Modes are sampled for all of them together.
    print_cpu(out, writer.text(), {busy.user_ns / cpus, busy.kernel_ns / cpus}, idle_ns(*cpu));
  }
  print(out, "intr {}\nctxt {}\nbtime {}\n", counter_value("interrupts.all"),
        counter_value("sched.switches"), (realtime_ns() - now_ns) / kNsPerSecond);
  print(out, "processes {}\nprocs_running {}\nprocs_blocked 0\n",
        counter_value("process.forks") + counter_value("process.started"), runnable_count());
  return {};
}

Result<void> print_memory_info(const ProcTarget&, ProcText& out) {
  const PageCacheUsage cache = page_cache_usage();
  const uint64_t free = free_frame_count();
  const struct {
    const char* label;
    uint64_t pages;
  } kLines[] = {
      {"MemTotal:", total_frame_count()},
      {"MemFree:", free},
      {"MemAvailable:", free + cache.pages - std::min(cache.pages, cache.dirty)},
      {"Buffers:", 0},
      {"Cached:", cache.pages},
      {"SwapCached:", 0},
      {"Dirty:", cache.dirty},
      {"Slab:", frames_in_use(FrameUse::kHeap)},
      {"SReclaimable:", 0},
      {"SUnreclaim:", frames_in_use(FrameUse::kHeap)},
      {"KernelStack:", frames_in_use(FrameUse::kStack)},
      {"PageTables:", frames_in_use(FrameUse::kPageTable)},
      {"AnonPages:", frames_in_use(FrameUse::kUser)},
      {"Shmem:", 0},
      {"SwapTotal:", 0},
      {"SwapFree:", 0},
  };
  for (const auto& line : kLines)
    print(out, "{:<15} {:8} kB\n", line.label, line.pages * (kPageSize / 1024));
  return {};
}

Result<void> print_load(const ProcTarget&, ProcText& out) {
  const LoadAverages load = load_averages();
  for (uint64_t average : {load.of_1, load.of_5, load.of_15}) print_average(out, average);
  print(out, "{}/{} {}\n", runnable_count(), process_count(), newest_pid());
  return {};
}

Result<void> print_uptime(const ProcTarget&, ProcText& out) {
  print_seconds(out, monotonic_ns());
  out.write(" ");
  print_seconds(out, idle_ns_of_all());
  out.write("\n");
  return {};
}

}  // namespace cairn
