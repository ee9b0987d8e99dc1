// epoll: a file that watches other files and tells which of them are ready. What it costs to wait depends on how many
// are ready, not on how many are watched: a watch stands in the wait queue of its file as a listener, and each wake-up
// there puts it on the ready list (event_watch.h).
//
// Watching is no reference: a file that closes is watched no more. Epoll files watch each other, too, up to
// kMostNested levels and never in a circle.
// Source: Linux, epoll(7), epoll_ctl(2), epoll_wait(2).
#pragma once

#include "vfs/file.h"

namespace cairn {

/// Epoll files, one watched by the other, below the uppermost.
inline constexpr uint32_t kMostNested = 4;

/// What epoll_ctl() is told beside kPoll… bits.
namespace event_flag {
/// Of several epoll files that watch one file at least one is told: here all are.
inline constexpr uint32_t kExclusive = 1u << 28;
inline constexpr uint32_t kWakeUp = 1u << 29;   // the machine is to stay awake: it never sleeps
inline constexpr uint32_t kOneShot = 1u << 30;  // told once, then not until it is asked for again
inline constexpr uint32_t kEdge = 1u << 31;     // told when it becomes so, not as long as it is
inline constexpr uint32_t kAll = kExclusive | kWakeUp | kOneShot | kEdge;
}  // namespace event_flag

/// Linux's struct epoll_event: what is asked for, and what is told.
struct [[gnu::packed]] Event {
  uint32_t events;
  uint64_t data;  // the program's own
};
static_assert(sizeof(Event) == 12);

// All take no locks that the caller may hold but may be called with mutexes held.

/// A file that watches none. ENOMEM.
Result<RefPtr<File>> create_event_poll();
bool is_event_poll(const File& file);
/// Whether a file can be watched: others are always ready.
bool is_watchable(File& file);

// `poll` is one. A watch is known by its file and the descriptor that it was asked for with.
/// EEXIST, EPERM (not watchable), ELOOP, ENOSPC (watches take a 25th of memory at most), ENOMEM.
Result<void> add_watch(File& poll, File& target, int fd, const Event& wanted);
/// ENOENT, EINVAL (it is exclusive).
Result<void> change_watch(File& poll, File& target, int fd, const Event& wanted);
/// ENOENT.
Result<void> remove_watch(File& poll, File& target, int fd);

/// Waits until a watched file is ready or `deadline_ns` (monotonic; 0: not at all) passed, and stores up to `most` (at
/// least 1) events at `events`. How many, 0 in the end; EINTR, EFAULT, after which nothing is lost. May sleep.
Result<uint64_t> wait_for_events(File& poll, VirtAddr events, uint64_t most, uint64_t deadline_ns);

}  // namespace cairn
