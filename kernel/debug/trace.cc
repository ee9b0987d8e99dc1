#include "debug/trace.h"

#include <algorithm>
#include <atomic>

#include "arch/cpu.h"

namespace cairn {

namespace {

struct TraceEntry {
  uint64_t tsc;
  TraceEvent event;
  uint64_t first;
  uint64_t second;
};

constexpr unsigned kTraceEntries = 1024;
constinit TraceEntry entries[kTraceEntries] = {};
constinit std::atomic<uint64_t> next_entry{0};

const char* event_name(TraceEvent event) {
  switch (event) {
    case TraceEvent::kNone: return "none";
    case TraceEvent::kSwitch: return "switch to/from";
    case TraceEvent::kPageFault: return "page fault at/error";
    case TraceEvent::kInterrupt: return "interrupt/rip";
    case TraceEvent::kFork: return "fork parent/child";
    case TraceEvent::kExit: return "exit pid/status";
  }
  return "?";
}

bool is_scheduling(TraceEvent event) {
  return event == TraceEvent::kSwitch || event == TraceEvent::kInterrupt;
}

}  // namespace

void trace(TraceEvent event, uint64_t first, uint64_t second) {
  uint64_t index = next_entry.fetch_add(1, std::memory_order_relaxed);
  entries[index % kTraceEntries] = {read_tsc(), event, first, second};
}

void print_trace(Writer& out, unsigned count, bool scheduling) {
  auto wanted = [&](uint64_t i) {
    return scheduling || !is_scheduling(entries[i % kTraceEntries].event);
  };
  uint64_t end = next_entry.load(std::memory_order_relaxed);
  uint64_t oldest = end - std::min<uint64_t>(end, kTraceEntries);
  uint64_t begin = end;
  for (unsigned found = 0; begin > oldest && found < count; begin--) found += wanted(begin - 1);
  if (begin != end) print(out, "last events:\n");
  for (uint64_t i = begin; i < end; i++) {
    if (!wanted(i)) continue;
    const TraceEntry& entry = entries[i % kTraceEntries];
    print(out, "  tsc {} {} {:x} {:x}\n", entry.tsc, event_name(entry.event), entry.first,
          entry.second);
  }
}

}  // namespace cairn
