// What the system is and how it does: uname, sysinfo.
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "lib/system_names.h"
#include "memory/frame_allocator.h"
#include "process/process.h"
#include "sched/load.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"
#include "time/clock.h"

namespace cairn {

int64_t sys_uname(TrapFrame& call) {
  struct Names {
    char system[65], node[65], release[65], version[65], machine[65], domain[65];
  } names = {};
  auto set = [](char(&field)[65], const char* text) { memcpy(field, text, strlen(text)); };
  set(names.system, kSystemName);
  set(names.node, kSystemNode);
  set(names.release, kSystemRelease);
  set(names.version, kSystemVersion);
  set(names.machine, kSystemMachine);
  return to_return(write_user(VirtAddr(argument0(call)), names));
}

int64_t sys_sysinfo(TrapFrame& call) {
  // Source: Linux, include/uapi/linux/sysinfo.h.
  struct Information {
    int64_t uptime_s;
    uint64_t loads[3];  // in parts of 65536
    uint64_t total_memory, free_memory, shared_memory, buffer_memory, total_swap, free_swap;
    uint16_t processes, padding;
    uint64_t total_high_memory, free_high_memory;
    uint32_t unit;  // of memory, in bytes
  } information = {};
  constexpr uint64_t kNsPerSecond = 1'000'000'000, kUnit = 65536 / kLoadUnit;
  const LoadAverages load = load_averages();
  information.uptime_s = int64_t((monotonic_ns() + kNsPerSecond - 1) / kNsPerSecond);
  information.loads[0] = load.of_1 * kUnit;
  information.loads[1] = load.of_5 * kUnit;
  information.loads[2] = load.of_15 * kUnit;
  information.total_memory = total_frame_count() * kPageSize;
  information.free_memory = free_frame_count() * kPageSize;
  information.processes = uint16_t(process_count());
  information.unit = 1;
  return to_return(write_user(VirtAddr(argument0(call)), information));
}

}  // namespace cairn
