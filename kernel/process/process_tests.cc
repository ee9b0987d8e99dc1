// Threads and their process: two lifetimes.
#include "debug/kernel_test.h"
#include "lib/not_implemented.h"
#include "process/child_events.h"
#include "process/new_program.h"
#include "process/process.h"
#include "process/signal.h"
#include "sched/scheduler.h"
#include "sched/test_waits.h"

namespace cairn {

namespace {

constexpr unsigned kUserSignal = 10;  // SIGUSR1: ends a process unless blocked

/// Two threads of one process, in the kernel. Each waits for a signal or for `go_on`, then ends in its way.
struct Pair {
  WaitQueue queue{"test"};
  std::atomic<bool> go_on[2] = {};
  std::atomic<unsigned> waiting{0};
  std::atomic<unsigned> interrupted{0};
  AddressSpace* spaces[2] = {};
  bool second_ends_process = false;
  bool second_stays_alone = false;
  bool has_pid = false;  // the second, once it is alone
  RefPtr<Process> process;
  UserThread* threads[2] = {};

  Pair() {
    auto made = create_process("test");
    if (!made.ok()) return;
    process = made.take();
    for (auto*& thread : threads) {
      auto added = add_thread(*process, run, this);
      if (added.ok()) thread = *added;
    }
  }
  explicit operator bool() const { return threads[0] != nullptr && threads[1] != nullptr; }

  void start() {
    for (UserThread* thread : threads) make_ready(*thread);
    (void)is_reached([this] { return waiting.load() == 2; });
    let_others_run();
  }
  void release(unsigned number) {
    go_on[number] = true;
    queue.wake_all();
  }
  UserThread* first_thread() {
    IrqGuard guard(process_tree_lock);
    return process->threads.front();
  }
  int status() { return *wait_for_process(*process, nullptr); }

  static void run(void* argument) {
    auto& pair = *static_cast<Pair*>(argument);
    unsigned number = &current_user_thread() == pair.threads[0] ? 0 : 1;
    bool ends_process = number == 1 && pair.second_ends_process;
    bool stays_alone = number == 1 && pair.second_stays_alone;
    pair.spaces[number] = current_address_space();
    pair.waiting.fetch_add(1);
    auto waited = pair.queue.wait_until_interruptible([&] { return pair.go_on[number].load(); });
    if (!waited.ok()) pair.interrupted.fetch_or(1u << number);
    if (ends_process) exit_process(exit_status(7));
    if (stays_alone && become_only_thread().ok())
      pair.has_pid = current_user_thread().tid == pair.process->pid;
    exit_user_thread(exit_status(int(number) + 1));
  }
};

KERNEL_TEST_WITH(Pair, a_process_ends_with_its_last_thread) {
  EXPECT(t.threads[0]->tid == t.process->pid && t.threads[1]->tid != t.process->pid);
  EXPECT(!find_process(t.threads[1]->tid));
  t.start();
  EXPECT(t.spaces[0] != nullptr && t.spaces[0] == t.spaces[1]);
  t.release(0);
  EXPECT(is_reached([&] { return t.first_thread() == t.threads[1]; }));
  EXPECT(std::string_view(process_state_name(*t.process)) != "zombie");
  EXPECT(address_space_of(*t.process));
  t.release(1);
  EXPECT(t.status() == exit_status(2));  // its last thread's
  EXPECT(t.interrupted.load() == 0 && !address_space_of(*t.process));
}

KERNEL_TEST_WITH(Pair, a_thread_that_ends_the_process_asks_the_others_to_die) {
  t.second_ends_process = true;
  t.start();
  t.release(1);
  EXPECT(t.status() == exit_status(7));
  EXPECT(t.interrupted.load() == 1);
  auto late = add_thread(*t.process, Pair::run, &t);
  EXPECT(!late.ok() && late.error() == Errno::kESRCH);
}

KERNEL_TEST_WITH(Pair, a_thread_that_goes_on_alone_is_the_first_then) {
  t.second_stays_alone = true;
  t.start();
  t.release(1);
  EXPECT(t.status() == exit_status(2));
  EXPECT(t.interrupted.load() == 1 && t.has_pid);
  EXPECT(t.process->only_thread == nullptr);
}

KERNEL_TEST_WITH(Pair, a_signal_finds_the_thread_that_takes_it) {
  t.threads[0]->blocked_signals = signal_bit(kUserSignal);
  t.start();
  send_signal(*t.process, kUserSignal);
  EXPECT(is_reached([&] { return t.interrupted.load() != 0; }));
  EXPECT(t.interrupted.load() == 2);
  EXPECT(t.process->pending.set() == signal_bit(kUserSignal));  // for the return to user mode
  t.release(0);
  EXPECT(t.status() == exit_status(1));
}

KERNEL_TEST_WITH(Pair, a_signal_that_a_thread_leaves_behind_goes_to_another) {
  t.start();
  send_signal(*t.process, kUserSignal);
  EXPECT(is_reached([&] {
    return t.interrupted.load() == 3;
  }));  // the first was woken, and ended without acting on it
  EXPECT(t.status() == exit_status(2));
}

/// A process that reaches code which isn't written, and one that comes back to user mode meanwhile.
struct Unfinished {
  WaitQueue queue{"test"};
  std::atomic<bool> reached{false};
  std::atomic<bool> other_ended{false};
  explicit operator bool() const { return true; }

  static void go_back_to_user_mode() {
    {
      InterruptsOff off;
      TrapFrame frame{};
      prepare_return_to_user(frame);
    }
    exit_user_thread(exit_status(0));
  }
  static void run_unfinished(void* argument) {
    auto& test = *static_cast<Unfinished*>(argument);
    (void)not_implemented("A9");
    test.reached = true;
    test.queue.wake_all();
    test.queue.wait_until([&] { return test.other_ended.load(); });
    go_back_to_user_mode();
  }
  static void run_other(void* argument) {
    auto& test = *static_cast<Unfinished*>(argument);
    test.queue.wait_until([&] { return test.reached.load(); });
    go_back_to_user_mode();
  }
};

KERNEL_TEST_WITH(Unfinished, an_unfinished_item_ends_the_process_that_reached_it) {
  auto unfinished = create_process("test");
  auto other = create_process("test");
  EXPECT(unfinished.ok() && other.ok());
  if (!unfinished.ok() || !other.ok()) return;
  auto first = add_thread(**unfinished, Unfinished::run_unfinished, &t);
  auto second = add_thread(**other, Unfinished::run_other, &t);
  EXPECT(first.ok() && second.ok());
  if (!first.ok() || !second.ok()) return;
  make_ready(**first);
  make_ready(**second);
  EXPECT(*wait_for_process(**other, nullptr) == exit_status(0));
  t.other_ended = true;
  t.queue.wake_all();
  EXPECT(*wait_for_process(**unfinished, nullptr) == int(kSigKill));
}

/// Processes that each end when told: a process 1, a parent beside it, and his child.
struct Family {
  enum Member { kInit, kParent, kChild, kMembers };
  WaitQueue queue{"test"};
  std::atomic<bool> go_on[kMembers] = {};
  RefPtr<Process> members[kMembers];
  UserThread* threads[kMembers] = {};

  Family() {
    for (unsigned i = 0; i < kMembers; i++) {
      auto made = create_process("test", i == kInit ? kInitPid : Pid{});
      if (!made.ok()) return;
      members[i] = made.take();
      auto thread = add_thread(*members[i], run, this);
      if (thread.ok()) threads[i] = *thread;
    }
    IrqGuard guard(process_tree_lock);
    members[kChild]->parent = members[kParent].get();
    place_child(*members[kChild]);
  }
  explicit operator bool() const { return threads[kChild] != nullptr; }

  static void run(void* argument) {
    auto& family = *static_cast<Family*>(argument);
    unsigned me = kInit;
    while (family.members[me].get() != current_process()) me++;
    family.queue.wait_until([&] { return family.go_on[me].load(); });
    exit_user_thread(exit_status(int(me)));
  }
  void end(Member member) {
    go_on[member] = true;
    queue.wake_all();
    members[member]->exited.wait_until([&] { return state(member) != ProcessState::kAlive; });
  }
  ProcessState state(Member member) {
    IrqGuard guard(process_tree_lock);
    return members[member]->state;
  }
  Process* parent_of_child() {
    IrqGuard guard(process_tree_lock);
    return members[kChild]->parent;
  }
};

KERNEL_TEST(process_1_inherits_orphans) {
  if (find_process(kInitPid)) return;  // the real one does
  uint64_t before = process_count();
  Family t;
  EXPECT(bool(t));
  if (!t) return;
  for (UserThread* thread : t.threads) make_ready(*thread);
  t.end(Family::kParent);
  EXPECT(t.parent_of_child() == t.members[Family::kInit].get());
  t.end(Family::kChild);
  EXPECT(t.state(Family::kChild) == ProcessState::kZombie);  // process 1 is to wait for it
  t.end(Family::kInit);
  EXPECT(t.state(Family::kChild) == ProcessState::kReaped);  // there is nobody left to
  EXPECT(*wait_for_process(*t.members[Family::kParent], nullptr) == exit_status(Family::kParent));
  EXPECT(*wait_for_process(*t.members[Family::kInit], nullptr) == exit_status(Family::kInit));
  EXPECT(is_reached([&] { return process_count() == before; }));
}

KERNEL_TEST(a_process_without_threads_can_be_discarded) {
  uint64_t before = process_count();
  auto process = create_process("test");
  EXPECT(process.ok());
  if (!process.ok()) return;
  auto thread = add_thread(**process, Pair::run, nullptr);
  EXPECT(thread.ok() && process_count() == before + 1);
  if (thread.ok()) discard_thread(**thread);
  discard_process(**process);
  EXPECT(process_count() == before);
}

}  // namespace

}  // namespace cairn
