// lockstress, rcustress, callstress, flushstress: what locks, grace periods, calls between processors and flushes are
// judged by. They tell what was counted; whether that is right isn't said here.
#include "interrupts/ipi.h"
#include "memory/frame_allocator.h"
#include "memory/page_table.h"
#include "memory/tlb.h"
#include "monitor/lab_d/team.h"
#include "sched/rcu.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

/// What the lock guards is added to in steps that others could come between.
struct LockStress {
  uint64_t rounds = 0;
  Spinlock lock{"stress", LockRank::kPipe};
  uint64_t words[2] GUARDED_BY(lock) = {}, torn GUARDED_BY(lock) = 0;
  std::atomic<bool> first_is_done{false};
  uint64_t turns[kMaxTeam] = {};  // of each thread, while nobody was done

  void run(unsigned number) {
    for (uint64_t i = 0; i < rounds; i++) {
      if (!first_is_done.load()) turns[number]++;
      Guard guard(lock);
      torn += words[0] != words[1];
      words[0] = words[0] + 1;
      relax_cpu();
      words[1] = words[1] + 1;
    }
    first_is_done = true;
  }
};

Result<void> lock_stress(MonitorSession& session, Arguments arguments) {
  auto [threads, rounds] = TRY(parse_team(session, arguments));
  LockStress stress;
  stress.rounds = rounds;
  TRY(run_team(threads, stress));
  Guard guard(stress.lock);
  print(session.out, "first={} second={} torn={}\n", stress.words[0], stress.words[1], stress.torn);
  for (unsigned i = 0; i < threads; i++)
    print(session.out, "thread={} turns={}\n", i, stress.turns[i]);
  return {};
}

/// The first thread replaces an object again and again, and spoils the old one after a grace period; the others read.
struct RcuStress {
  static constexpr uint64_t kSpoilt = 0xdead;
  struct Object {
    std::atomic<uint64_t> words[2];
  };
  uint64_t rounds = 0;
  Object objects[2] = {};
  std::atomic<Object*> current{&objects[0]};
  std::atomic<bool> over{false};
  std::atomic<uint64_t> reads{0}, spoilt_reads{0};

  void run(unsigned number) { number == 0 ? write() : read(); }
  void write() {
    for (uint64_t i = 1; i <= rounds; i++) {
      Object& next = objects[i % 2];
      for (auto& word : next.words) word = i;
      Object* old = current.exchange(&next);
      synchronize_rcu();
      for (auto& word : old->words) word = kSpoilt;
    }
    over = true;
  }
  void read() {
    while (!over.load()) {
      RcuReader reader;
      const Object* seen = current.load();
      uint64_t first = seen->words[0].load();
      for (unsigned i = 0; i < 20; i++) relax_cpu();
      spoilt_reads.fetch_add(first == kSpoilt || seen->words[1].load() == kSpoilt);
      reads.fetch_add(1);
    }
  }
};

Result<void> rcu_stress(MonitorSession& session, Arguments arguments) {
  auto [threads, rounds] = TRY(parse_team(session, arguments));
  RcuStress stress;
  stress.rounds = rounds;
  TRY(run_team(threads, stress));
  print(session.out, "reads={} spoilt={}\n", stress.reads.load(), stress.spoilt_reads.load());
  return {};
}

CpuSet running_cpus() {
  CpuSet set{};
  for (const Cpu* cpu : all_cpus()) set = set.with(cpu->id);
  return set;
}

/// Every thread asks all processors, in turn with all but the first, at the same time as the others.
struct CallStress {
  uint64_t rounds = 0;
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> ran[kMaxCpus] = {};

  struct Answer {
    CallStress* all;
    std::atomic<uint64_t> bits{0};
  };
  static void answer(void* argument) {
    auto& mine = *static_cast<Answer*>(argument);
    mine.bits.fetch_add(
        CpuSet::of(this_cpu().id).bits);  // once more would carry into another's bit
    mine.all->ran[this_cpu().id.value].fetch_add(1);
  }
  void run(unsigned) {
    for (uint64_t i = 0; i < rounds; i++) {
      Answer mine{this};
      CpuSet asked = i % 2 == 0 ? running_cpus() : running_cpus().without(CpuId(0));
      call_on_cpus(asked, answer, &mine);
      wrong.fetch_add(mine.bits.load() != asked.bits);
    }
  }
};

Result<void> call_stress(MonitorSession& session, Arguments arguments) {
  auto [threads, rounds] = TRY(parse_team(session, arguments));
  CallStress stress;
  stress.rounds = rounds;
  TRY(run_team(threads, stress));
  print(session.out, "wrong={}\n", stress.wrong.load());
  for (const Cpu* cpu : all_cpus())
    print(session.out, "cpu={} ran={}\n", cpu->id, stress.ran[cpu->id.value].load());
  return {};
}

/// The first thread gives a page one frame after the other, each with a higher number in it, flushes, and then asks the
/// others for what they read from now on. They have the table loaded and read all the time.
struct FlushStress {
  static constexpr VirtAddr kPage{0x40'0000};
  explicit FlushStress(PageTable& table, FrameNumber first, FrameNumber second)
      : table(table), frames{first, second} {}

  PageTable& table;
  FrameNumber frames[2];
  uint64_t rounds = 0;
  std::atomic<uint64_t> wanted{
      0};  // the number of a round that is under way; odd: it may be read either way
  std::atomic<uint64_t> answered{0};  // readers that have read in this round
  std::atomic<uint64_t> readers{0}, stale{0}, reads{0};
  std::atomic<bool> over{false};

  void run(unsigned number) { number == 0 ? write() : read(); }
  uint64_t& word(unsigned which) const {
    return *direct_map_as<uint64_t>(frame_address(frames[which]));
  }
  void write() {
    while (readers.load() == 0) yield();
    for (uint64_t i = 1; i <= rounds; i++) {
      word(i % 2) = i;
      {
        TlbGather gather(table);
        (void)table.remap_page(kPage, frame_address(frames[i % 2]),
                               Pte::kWritable | Pte::kNoExecute, gather);
      }
      answered = 0;
      wanted = i;
      while (answered.load() < readers.load()) yield();
    }
    over = true;
  }
  void read() {
    disable_preemption();
    table.activate();
    uint64_t seen = 0;
    readers.fetch_add(1);
    while (!over.load()) {
      uint64_t round = wanted.load();
      uint64_t value = *reinterpret_cast<volatile uint64_t*>(kPage.value);
      reads.fetch_add(1);
      stale.fetch_add(value < round);
      if (round != seen) answered.fetch_add(1);
      seen = round;
      relax_cpu();
    }
    readers.fetch_sub(1);
    PageTable::activate_kernel();
    enable_preemption();
  }
};

Result<void> flush_stress(MonitorSession& session, Arguments arguments) {
  auto [threads, rounds] = TRY(parse_team(session, arguments));
  if (threads < 2 || threads > all_cpus().size())
    return session.fail(Errno::kEINVAL, "2 threads or more, and a processor for each");
  PageTable table = TRY(PageTable::create());
  FrameNumber first = TRY(allocate_zeroed_frame(FrameUse::kUser));
  auto second = allocate_zeroed_frame(FrameUse::kUser);
  Result<void> done = second.ok() ? table.map_page(FlushStress::kPage, frame_address(first),
                                                   Pte::kWritable | Pte::kNoExecute)
                                  : second.error();
  if (done.ok()) {
    FlushStress stress(table, first, *second);
    stress.rounds = rounds;
    done = run_team(threads, stress);
    print(session.out, "reads={} stale={}\n", stress.reads.load(), stress.stale.load());
    TlbGather gather(table);
    (void)table.unmap_page(FlushStress::kPage, gather);
  }
  if (second.ok()) free_frame(*second);
  free_frame(first);
  return done;
}

constexpr Command kCommands[] = {
    {"lockstress", "THREADS ROUNDS", "threads that share a spinlock", lock_stress, 2, 2},
    {"rcustress", "THREADS ROUNDS", "RCU readers beside a writer", rcu_stress, 2, 2},
    {"callstress", "THREADS ROUNDS", "calls on all processors", call_stress, 2, 2},
    {"flushstress", "THREADS ROUNDS", "readers of a page that changes", flush_stress, 2, 2},
};

}  // namespace

std::span<const Command> smp_stress_commands() { return kCommands; }

}  // namespace cairn
