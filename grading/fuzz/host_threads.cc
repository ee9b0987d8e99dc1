#include "host_threads.h"

#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

namespace cairn::host {

namespace {

constexpr size_t kStack = 1 << 20;  // bytes

struct Fiber {
  std::function<void()> body;
  uint64_t number = 0;
  bool server = false, ended = false;
  uint64_t held_ranks = 0;
  // What it waits for; null: it can go on.
  const uint64_t* changes = nullptr;
  uint64_t seen = 0;
  const char* waits_for = nullptr;

  ucontext_t context;
  void* stack = nullptr;
  void* fake_stack = nullptr;  // AddressSanitizer's

  bool can_go_on() const { return !ended && (changes == nullptr || *changes != seen); }
};

std::mt19937_64 random;
uint64_t calm = 2;
std::vector<std::function<void()>> servers;
std::vector<std::unique_ptr<Fiber>> fibers;  // empty: no threads run
Fiber* running = nullptr;                    // null: who called run_threads()
ucontext_t caller;
const void* caller_stack = nullptr;
size_t caller_size = 0;
void* caller_fake_stack = nullptr;

/// Told on arrival, on whatever stack.
void arrive(void* fake_stack) { __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr); }

/// From the running thread to `next`; null: back to who called run_threads(). Comes back when it is chosen
/// again.
void go_to(Fiber* next) {
  Fiber* self = running;
  void** keep = self == nullptr ? &caller_fake_stack : self->ended ? nullptr : &self->fake_stack;
  ucontext_t& here = self == nullptr ? caller : self->context;
  if (self != nullptr) self->held_ranks = held_ranks;
  running = next;
  held_ranks = next != nullptr ? next->held_ranks : 0;
  if (next != nullptr) {
    __sanitizer_start_switch_fiber(keep, next->stack, kStack);
    swapcontext(&here, &next->context);
  } else {
    __sanitizer_start_switch_fiber(keep, caller_stack, caller_size);
    swapcontext(&here, &caller);
  }
  arrive(self == nullptr ? caller_fake_stack : self->fake_stack);
}

[[noreturn]] void report_deadlock() {
  fprintf(stderr, "deadlock:");
  for (auto& fiber : fibers) {
    if (!fiber->ended)
      fprintf(stderr, " thread %lu waits for \"%s\";", fiber->number, fiber->waits_for);
  }
  fprintf(stderr, "\n");
  abort();
}

/// Any that can go on; null once all have ended, and those that serve have nothing to do.
Fiber* choose() {
  std::vector<Fiber*> ready;
  bool all_ended = true;
  for (auto& fiber : fibers) {
    if (fiber->can_go_on()) ready.push_back(fiber.get());
    all_ended &= fiber->ended || fiber->server;
  }
  if (!ready.empty()) return ready[random() % ready.size()];
  if (!all_ended) report_deadlock();
  return nullptr;
}

void begin() {
  __sanitizer_finish_switch_fiber(nullptr, caller_stack == nullptr ? &caller_stack : nullptr,
                                  caller_size == 0 ? &caller_size : nullptr);
  running->body();
  running->ended = true;
  go_to(choose());
}

void add(std::function<void()> body, bool server) {
  auto fiber = std::make_unique<Fiber>();
  fiber->body = std::move(body);
  fiber->number = fibers.size() + 1;
  fiber->server = server;
  fiber->stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack;
  fiber->context.uc_stack.ss_size = kStack;
  makecontext(&fiber->context, begin, 0);
  fibers.push_back(std::move(fiber));
}

}  // namespace

void seed_threads(uint64_t seed, uint64_t new_calm) {
  random.seed(seed);
  calm = new_calm;
}

uint64_t random_below(uint64_t n) { return random() % n; }

void serve(std::function<void()> body) { servers.push_back(std::move(body)); }

bool threads_run() { return running != nullptr; }
uint64_t running_thread() { return running != nullptr ? running->number : 0; }

void run_threads(std::vector<std::function<void()>> bodies) {
  caller_stack = nullptr;
  caller_size = 0;
  for (auto& body : bodies) add(std::move(body), false);
  for (auto& body : servers) add(body, true);
  go_to(choose());
  for (auto& fiber : fibers) munmap(fiber->stack, kStack);
  fibers.clear();
}

void may_switch() {
  if (running == nullptr || unswitched != 0 || random() % calm != 0) return;
  Fiber* next = choose();
  if (next != running) go_to(next);
}

void wait_for_change(const uint64_t& changes, uint64_t seen, const char* name) {
  if (running == nullptr || unswitched != 0) {
    fprintf(stderr, "%s: waits for ever\n", name);
    abort();
  }
  Fiber* self = running;
  self->changes = &changes;
  self->seen = seen;
  self->waits_for = name;
  Fiber* next = choose();
  if (next != self) go_to(next);
  self->changes = nullptr;
}

}  // namespace cairn::host
