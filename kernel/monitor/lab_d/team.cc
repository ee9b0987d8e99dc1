#include "monitor/lab_d/team.h"

#include "sched/scheduler.h"

namespace cairn {

namespace {

struct Team {
  Team(void (*run)(void* work, unsigned number), void* work) : run(run), work(work) {}

  struct Member {
    Team* team;
    unsigned number;
  };
  void (*run)(void* work, unsigned number);
  void* work;
  std::atomic<bool> may_start{false};
  std::atomic<unsigned> running{0}, inside{0};
  WaitQueue ended{"stress"};
  Member members[kMaxTeam] = {};

  static void enter(void* argument) {
    auto [team, number] = *static_cast<Member*>(argument);
    team->ended.wait_until([team = team] { return team->may_start.load(); });
    team->run(team->work, number);
    team->running.fetch_sub(1);
    team->ended.wake_all();
    team->inside.fetch_sub(1);  // from here on the team may be gone
    exit_thread();
  }
};

}  // namespace

Result<void> run_team(unsigned size, void (*run)(void* work, unsigned number), void* work) {
  auto* team = new_object<Team>(run, work);
  if (team == nullptr) return Errno::kENOMEM;
  std::span<Cpu* const> cpus = all_cpus();
  Result<void> result{};
  for (unsigned i = 0; i < size && result.ok(); i++) {
    team->members[i] = {team, i};
    auto thread = create_thread("stress", Team::enter, &team->members[i]);
    result = thread.ok() ? Result<void>() : thread.error();
    if (!thread.ok()) break;
    (*thread)->allowed_cpus = CpuSet::of(cpus[i % cpus.size()]->id);
    team->running.fetch_add(1);
    team->inside.fetch_add(1);
    make_ready(**thread);
  }
  team->may_start = true;
  team->ended.wake_all();
  team->ended.wait_until([team] { return team->running.load() == 0; });
  while (team->inside.load() != 0) yield();
  delete team;
  return result;
}

Result<TeamSize> parse_team(MonitorSession& session, Arguments arguments) {
  uint64_t threads = TRY(parse_number(session, arguments[0], "number of threads"));
  uint64_t rounds = TRY(parse_number(session, arguments[1], "number of rounds"));
  if (threads < 1 || threads > kMaxTeam)
    return session.fail(Errno::kEINVAL, "1 to {} threads", kMaxTeam);
  return TeamSize{unsigned(threads), rounds};
}

}  // namespace cairn
