// pt, vm, frames: what a process's memory looks like.
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "monitor/command.h"
#include "monitor/print_walk.h"
#include "sched/rcu.h"

namespace cairn {

namespace {

Result<RefPtr<AddressSpace>> parse_space(MonitorSession& session, std::string_view pid) {
  RefPtr<Process> process = TRY(parse_process(session, pid));
  RefPtr<AddressSpace> space = address_space_of(*process);
  if (!space) return session.fail(Errno::kESRCH, "pid {} has ended", process->pid);
  return space;
}

/// Every mapped page, a line each.
void print_all_pages(Writer& out, AddressSpace& space) {
  MutexGuard guard(space.lock);
  const PageTable& table = space.page_table();
  for (VirtAddr at = kUserStart; at < kUserEnd;) {
    PageWalk walk = table.walk_page_table(at);
    if (walk.level == 0) return;
    if (walk.is_mapped()) {
      print(out, "page={} frame={} size={} ", VirtAddr(align_down(at.value, walk.span())),
            walk.entry().address(), walk.level == 2 ? "2m" : "4k");
      print_pte_flags(out, walk.entry().load());
      print(out, "\n");
    }
    at = walk.end(at);
  }
}

Result<void> pt(MonitorSession& session, Arguments arguments) {
  RefPtr<AddressSpace> space = TRY(parse_space(session, arguments[0]));
  if (arguments.size() == 1) {
    print_all_pages(session.out, *space);
    return {};
  }
  uint64_t address = TRY(parse_number(session, arguments[1], "address"));
  MutexGuard guard(space->lock);
  return print_walk(session, space->page_table(), VirtAddr(address));
}

Result<void> vm(MonitorSession& session, Arguments arguments) {
  RefPtr<AddressSpace> space = TRY(parse_space(session, arguments[0]));
  space->print_regions(session.out);
  return {};
}

Result<void> frames(MonitorSession& session, Arguments) {
  rcu_barrier();  // what is free but for readers counts as free
  uint64_t shared = 0;
  for (uint64_t i = 0; i < frame_limit; i++) {
    const Frame& frame = frame_table[i];
    bool counted = frame.use == FrameUse::kUser || frame.use == FrameUse::kProgram;
    if (counted && frame.references.load(std::memory_order_relaxed) > 1) shared++;
  }
  print(session.out, "total={} free={}\n", total_frame_count(), free_frame_count());
  for (unsigned use = unsigned(FrameUse::kPageTable); use < unsigned(FrameUse::kCount); use++) {
    print(session.out, "use={} frames={}\n", frame_use_name(FrameUse(use)),
          frames_in_use(FrameUse(use)));
  }
  print(session.out, "shared frames={}\n", shared);
  print(session.out, "heap bytes={}\n", heap_bytes_in_use());
  return {};
}

constexpr Command kCommands[] = {
    {"pt", "PID [ADDRESS]", "walk to an address; without: all pages", pt, 1, 2},
    {"vm", "PID", "list a process's regions", vm, 1, 1},
    {"frames", "", "memory: free, used by whom, shared", frames, 0, 0},
};

}  // namespace

std::span<const Command> memory_commands() { return kCommands; }

}  // namespace cairn
