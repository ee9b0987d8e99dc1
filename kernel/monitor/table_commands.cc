// A bench for lab A: page tables, frames and the TLB by hand. The harness gives the same commands that
// a student can type.
#include "arch/user_access.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/heap.h"
#include "memory/tlb.h"
#include "monitor/bench.h"
#include "monitor/command.h"
#include "monitor/print_walk.h"
#include "sched/mutex.h"

namespace cairn {

namespace {

constexpr size_t kMaxTables = 16;
constinit Mutex bench_lock{"table bench", LockRank::kMonitor};
constinit PageTable* tables[kMaxTables] GUARDED_BY(bench_lock) = {};

Result<PageTable*> parse_table(MonitorSession& session, std::string_view text)
    REQUIRES(bench_lock) {
  uint64_t id = TRY(parse_number(session, text, "table"));
  if (id < 1 || id > kMaxTables || tables[id - 1] == nullptr) {
    return session.fail(Errno::kEINVAL, "table {}: no such table; 'table new' makes one", id);
  }
  return tables[id - 1];
}

/// Letters r w x u; without x the page is not executable. Or a number: these bits, whatever they are.
Result<Pte> parse_flags(MonitorSession& session, std::string_view text) {
  if (text.starts_with("0x")) return Pte(TRY(parse_number(session, text, "flags")));
  Pte flags = Pte::kNoExecute;
  for (char c : text) {
    switch (c) {
      case 'r': break;
      case 'w': flags = flags | Pte::kWritable; break;
      case 'x': flags = without(flags, Pte::kNoExecute); break;
      case 'u': flags = flags | Pte::kUser; break;
      default: return session.fail(Errno::kEINVAL, "flags '{}': letters are r, w, x, u", text);
    }
  }
  return flags;
}

/// What one `table` command works on: its words after the name, read on demand.
struct TableCall {
  MonitorSession& session;
  Arguments words;
  PageTable* table = nullptr;

  Result<VirtAddr> address(size_t index) {
    return VirtAddr(TRY(parse_number(session, words[index], "address")));
  }
  Result<PhysAddr> frame(size_t index) {
    return PhysAddr(TRY(parse_number(session, words[index], "frame")));
  }
  PageSize size() const { return words.back() == "2m" ? PageSize::k2MiB : PageSize::k4KiB; }
};

/// Turns a lab function's error into the command's.
Result<void> told(MonitorSession& session, Result<void> result, const char* what) {
  if (result.ok()) return {};
  return session.fail(result.error(), "{}", what);
}

Result<void> table_map(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  PhysAddr frame = TRY(call.frame(2));
  Pte flags = TRY(parse_flags(call.session, call.words[3]));
  return told(call.session, call.table->map_page(page, frame, flags, call.size()), "map_page()");
}

/// Prints the entry that an operation replaced.
Result<void> told_entry(MonitorSession& session, Result<EntryValue> old, const char* what) {
  if (!old.ok()) return session.fail(old.error(), "{}", what);
  print(session.out, "frame={} entry={:x} ", old->address(), old->bits());
  print_pte_flags(session.out, *old);
  print(session.out, "\n");
  return {};
}

Result<void> table_unmap(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  TlbGather gather(*call.table);
  return told_entry(call.session, call.table->unmap_page(page, gather, call.size()),
                    "unmap_page()");
}

Result<void> table_remap(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  PhysAddr frame = TRY(call.frame(2));
  Pte flags = TRY(parse_flags(call.session, call.words[3]));
  TlbGather gather(*call.table);
  return told_entry(call.session, call.table->remap_page(page, frame, flags, gather, call.size()),
                    "remap_page()");
}

/// remap_page() to the frame that is there.
Result<void> table_protect(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  Pte flags = TRY(parse_flags(call.session, call.words[2]));
  PageWalk walk = call.table->walk_page_table(page);
  if (!walk.is_mapped()) return call.session.fail(Errno::kENOENT, "nothing is mapped at {}", page);
  PhysAddr frame = walk.entry().address();
  if (call.size() == PageSize::k4KiB) frame += page.value % walk.span() / kPageSize * kPageSize;
  TlbGather gather(*call.table);
  return told_entry(call.session, call.table->remap_page(page, frame, flags, gather, call.size()),
                    "remap_page()");
}

Result<void> table_split(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  TlbGather gather(*call.table);
  return told(call.session, call.table->split_page(page, gather), "split_page()");
}

Result<void> table_mapped(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  print(call.session.out, "mapped={}\n", call.table->is_mapped(page) ? 1 : 0);
  return {};
}

Result<void> table_walk(TableCall& call) {
  return print_walk(call.session, *call.table, TRY(call.address(1)));
}

Result<void> table_entry(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  auto entry = call.table->get_page_table_entry(page);
  if (!entry.ok()) return call.session.fail(entry.error(), "get_page_table_entry()");
  print(call.session.out, "entry={} value={:x}\n", physical_of(*entry), (*entry)->value());
  return {};
}

/// Makes `table` (null: the kernel's own) this thread's, loaded whenever it runs.
void load_table(const PageTable* table) {
  InterruptsOff off;
  current_thread()->page_table = table;
  if (table != nullptr) {
    table->activate();
  } else {
    PageTable::activate_kernel();
  }
}

/// Copies 8 bytes from or to the table's memory through the MMU. Prints a fault's error code.
Result<void> access_word(TableCall& call, void* to, const void* from, const char* done) {
  const PageTable* loaded = current_thread()->page_table;
  if (loaded != call.table) load_table(call.table);
  this_cpu().user_fault_error = 0;
  size_t missing;
  {
    UserAccess open;
    missing = raw_copy_user(to, from, 8);
  }
  uint64_t error = this_cpu().user_fault_error;
  if (loaded != call.table) load_table(loaded);
  if (missing != 0) {
    print(call.session.out, "fault error={:x}\n", error);
  } else {
    print(call.session.out, "{}", done);
  }
  return {};
}

Result<void> table_peek(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  if (!is_user_range(page, 8)) return call.session.fail(Errno::kEINVAL, "not a user address");
  uint64_t value = 0;
  TRY(access_word(call, &value, reinterpret_cast<const void*>(page.value), ""));
  if (this_cpu().user_fault_error == 0) print(call.session.out, "value={:x}\n", value);
  return {};
}

Result<void> table_poke(TableCall& call) {
  VirtAddr page = TRY(call.address(1));
  uint64_t value = TRY(parse_number(call.session, call.words[2], "value"));
  if (!is_user_range(page, 8)) return call.session.fail(Errno::kEINVAL, "not a user address");
  return access_word(call, reinterpret_cast<void*>(page.value), &value, "written\n");
}

Result<void> table_free(TableCall& call) REQUIRES(bench_lock) {
  if (current_thread()->page_table == call.table) load_table(nullptr);
  {
    TlbGather gather(*call.table);
    for (VirtAddr at{0}; at < kUserEnd;) {
      PageWalk walk = call.table->walk_page_table(at);
      if (walk.level == 0) break;
      VirtAddr next = walk.end(at);
      if (walk.is_mapped()) {
        auto old = call.table->unmap_page(at, gather, walk.page_size());
        if (!old.ok()) return call.session.fail(old.error(), "unmap_page() of {}", at);
      }
      at = next;
    }
  }
  for (PageTable*& table : tables) {
    if (table != call.table) continue;
    delete table;
    table = nullptr;
  }
  return {};
}

Result<void> table_new(MonitorSession& session) REQUIRES(bench_lock) {
  for (size_t i = 0; i < kMaxTables; i++) {
    if (tables[i] != nullptr) continue;
    tables[i] = new_object<PageTable>(TRY(PageTable::create()));
    if (tables[i] == nullptr) return session.fail(Errno::kENOMEM, "out of memory");
    print(session.out, "table={} root={}\n", i + 1, tables[i]->root());
    return {};
  }
  return session.fail(Errno::kENOSPC, "there are {} tables already; 'table free' one", kMaxTables);
}

Result<void> table_use(TableCall& call) {
  load_table(call.table);
  print(call.session.out, "cr3={}\n", Cr3::read().root());
  return {};
}

struct TableVerb {
  std::string_view name;
  size_t min_words;  // table number included
  size_t max_words;
  const char* usage;
  Result<void> (*run)(TableCall& call);
};
constexpr TableVerb kVerbs[] = {
    {"map", 4, 5, "map ID PAGE FRAME FLAGS [2m]", table_map},
    {"unmap", 2, 3, "unmap ID PAGE [2m]", table_unmap},
    {"remap", 4, 5, "remap ID PAGE FRAME FLAGS [2m]", table_remap},
    {"protect", 3, 4, "protect ID PAGE FLAGS [2m]", table_protect},
    {"split", 2, 2, "split ID PAGE", table_split},
    {"mapped", 2, 2, "mapped ID ADDRESS", table_mapped},
    {"walk", 2, 2, "walk ID ADDRESS", table_walk},
    {"entry", 2, 2, "entry ID ADDRESS", table_entry},
    {"use", 1, 1, "use ID (0: the kernel's)", table_use},
    {"peek", 2, 2, "peek ID ADDRESS", table_peek},
    {"poke", 3, 3, "poke ID ADDRESS VALUE", table_poke},
    {"free", 1, 1, "free ID", table_free},
};

Result<void> list_tables(MonitorSession& session) REQUIRES(bench_lock) {
  for (size_t i = 0; i < kMaxTables; i++) {
    if (tables[i] != nullptr) print(session.out, "table={} root={}\n", i + 1, tables[i]->root());
  }
  return {};
}

Result<void> table_command(MonitorSession& session, Arguments words) {
  MutexGuard guard(bench_lock);
  if (words.size() == 1 && words[0] == "new") return table_new(session);
  if (words.size() == 1 && words[0] == "list") return list_tables(session);
  for (const TableVerb& verb : kVerbs) {
    if (words.empty() || words[0] != verb.name) continue;
    TableCall call{session, words.subspan(1)};
    if (call.words.size() < verb.min_words || call.words.size() > verb.max_words) {
      return session.fail(Errno::kEINVAL, "usage: table {}", verb.usage);
    }
    bool kernel = verb.name == "use" && call.words[0] == "0";
    if (!kernel) call.table = TRY(parse_table(session, call.words[0]));
    return verb.run(call);
  }
  print(session.out, "table new\ntable list\n");
  for (const TableVerb& verb : kVerbs) print(session.out, "table {}\n", verb.usage);
  return session.fail(Errno::kEINVAL, "table: one of the above");
}

Result<FrameNumber> parse_frame(MonitorSession& session, std::string_view text) {
  PhysAddr address(TRY(parse_number(session, text, "frame")));
  bool known = is_aligned(address.value, kPageSize) && is_known_frame(address);
  FrameUse use = known ? frame_info(frame_of(address)).use : FrameUse::kReserved;
  if (use != FrameUse::kUser && use != FrameUse::kZero && use != FrameUse::kProgram) {
    return session.fail(Errno::kEINVAL, "{} is not a frame of processes or of 'frame alloc'",
                        address);
  }
  return frame_of(address);
}

Result<void> frame_command(MonitorSession& session, Arguments words) {
  std::string_view verb = words.empty() ? "" : words[0];
  if (verb == "zero") {
    print(session.out, "frame={}\n", frame_address(zero_frame()));
    return {};
  }
  if (verb == "alloc") {
    unsigned order = words.size() > 1 && words[1] == "2m" ? kHugeOrder : 0;
    FrameNumber frame = TRY(allocate_frames(order, FrameUse::kUser));
    print(session.out, "frame={}\n", frame_address(frame));
    return {};
  }
  if (words.size() < 2) {
    return session.fail(Errno::kEINVAL,
                        "usage: frame alloc [2m] | zero | free|get|put|refs ADDRESS [2m]");
  }
  FrameNumber frame = TRY(parse_frame(session, words[1]));
  if (verb == "free") {
    free_frames(frame, words.size() > 2 && words[2] == "2m" ? kHugeOrder : 0);
    return {};
  }
  uint32_t references = 0;
  if (verb == "get") {
    frame_get(frame);
    references = frame_references(frame);
  } else if (verb == "put") {
    references = frame_put(frame);
  } else if (verb == "refs") {
    references = frame_references(frame);
  } else {
    return session.fail(Errno::kEINVAL, "frame {}: alloc, zero, free, get, put or refs", verb);
  }
  print(session.out, "references={}\n", references);
  return {};
}

Result<void> tlb_command(MonitorSession& session, Arguments words) {
  std::string_view verb = words.empty() ? "" : words[0];
  if (verb == "all" && words.size() == 1) {
    InterruptsOff off;
    flush_tlb_all();
    return {};
  }
  if (verb == "single" && words.size() == 2) {
    VirtAddr address(TRY(parse_number(session, words[1], "address")));
    InterruptsOff off;
    flush_tlb_single(address);
    return {};
  }
  if (verb == "range" && words.size() == 3) {
    VirtAddr start(TRY(parse_number(session, words[1], "start")));
    VirtAddr end(TRY(parse_number(session, words[2], "end")));
    InterruptsOff off;
    flush_tlb_range({start, end});
    return {};
  }
  return session.fail(Errno::kEINVAL, "usage: tlb single ADDRESS | tlb range START END | tlb all");
}

Result<void> bench_command(MonitorSession& session, Arguments) { return run_page_bench(session); }

constexpr Command kCommands[] = {
    {"table", "new|list|map|unmap|…", "page tables by hand; 'table' lists forms", table_command},
    {"frame", "alloc|zero|get|put|…", "frames by hand: allocate, free, count", frame_command},
    {"tlb", "single|range|all", "flush translations of the table in use", tlb_command},
    {"bench", "", "cost of page-table operations (-icount)", bench_command, 0, 0},
};

}  // namespace

std::span<const Command> table_commands() { return kCommands; }

}  // namespace cairn
