// cpus, processors: which processors run, and what a table of processors says.
#include "acpi/processors.h"
#include "drivers/fw_cfg.h"
#include "memory/heap.h"
#include "monitor/command.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

constexpr size_t kMaxTable = 64 * 1024;  // bytes

/// `area` is where GS points while the processor is in the kernel.
Result<void> cpus(MonitorSession& session, Arguments) {
  for (const Cpu* cpu : all_cpus()) {
    print(session.out, "cpu={} apic={} area={:x} idle={} switches_looked_for={}\n", cpu->id,
          cpu->apic_id, reinterpret_cast<uint64_t>(cpu), is_idle(*cpu), cpu->schedule_count.load());
  }
  return {};
}

struct HeapBytes {
  explicit HeapBytes(size_t size) : bytes(static_cast<char*>(heap_allocate(size))) {}
  ~HeapBytes() { heap_free(bytes); }
  char* bytes;
};

Result<void> processors(MonitorSession& session, Arguments arguments) {
  bool madt = arguments[0] == "madt";
  if (!madt && arguments[0] != "mp")
    return session.fail(Errno::kEINVAL, "{}: not a kind of table: madt, mp", arguments[0]);
  HeapBytes table(kMaxTable);
  if (table.bytes == nullptr) return Errno::kENOMEM;
  auto length = read_fw_cfg(arguments[1], {table.bytes, kMaxTable});
  if (!length.ok())
    return session.fail(length.error(), "{}: QEMU gives no such file (-fw_cfg)", arguments[1]);
  std::span<const uint8_t> bytes{reinterpret_cast<uint8_t*>(table.bytes), *length};
  auto list = madt ? processors_of_madt(bytes) : processors_of_mp_table(bytes);
  if (!list.ok()) return session.fail(list.error(), "the table is damaged");
  print(session.out, "count={} left_out={}\n", list->count, list->left_out);
  for (uint32_t apic_id : list->all()) print(session.out, "apic={}\n", apic_id);
  return {};
}

constexpr Command kCommands[] = {
    {"cpus", "", "the processors that run", cpus, 0, 0},
    {"processors", "madt|mp FILE", "what a table (of -fw_cfg) lists", processors, 2, 2},
};

}  // namespace

std::span<const Command> processor_commands() { return kCommands; }

}  // namespace cairn
