// Threads on the host: stacks of one thread of the host's, which switch where locks are taken and left, where
// somebody waits, and at the disk. A seed chooses who goes on, so every run can be repeated. What doesn't switch
// is never interrupted: a stretch with a spinlock, a reader of RCU.
//
// Without run_threads() there is one thread, and whoever has to wait waits for ever: a panic.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace cairn::host {

/// Runs these to their ends, beside what serve() was given. Aborts where all of them wait.
void run_threads(std::vector<std::function<void()>> bodies);
/// One more, which is there whenever threads run and needn't end: the disk.
void serve(std::function<void()> body);
/// Chooses who goes on. A thread is switched away from at one place of `calm` on average.
void seed_threads(uint64_t seed, uint64_t calm);
bool threads_run();

/// From the same seed: less than n.
uint64_t random_below(uint64_t n);

/// A place where another thread may go on.
void may_switch();
/// Waits until `changes` isn't `seen` any more. `name` is what a deadlock's report says.
void wait_for_change(const uint64_t& changes, uint64_t seen, const char* name);

/// While positive, nobody switches, and nobody may wait.
inline unsigned unswitched = 0;
/// The ranks of the mutexes that the running thread holds, a bit each.
inline uint64_t held_ranks = 0;
/// The running thread; 0 without threads.
uint64_t running_thread();

}  // namespace cairn::host
