// How epoll files know what is ready. For event_poll.cc and event_interest.cc.
//
//   file's wait queue ──told()──▶ Watch ──▶ EventPoll::ready ──collect()──▶ epoll_wait()
//
// A watch on the ready list is a guess: something happened. Whoever collects takes it off the list first and asks the
// file then, so what happens meanwhile puts it there again. One that is told as long as it is so (no kEdge) goes back
// to the end of the list and is forgotten once the file isn't ready any more.
//
// Locks: watch_lock (rank kWatches) for which watches there are, and by whoever asks files; it keeps watches and their
// files while it is held. events_lock (rank kEvents) for the ready lists, and for the way from an epoll file to those
// that watch it: wakers have it, in any context.
#pragma once

#include "lib/tree.h"
#include "sched/wait_queue.h"
#include "special_files/event_poll.h"
#include "vfs/memory_inode.h"

namespace cairn {

class EventPoll;

extern Spinlock watch_lock;
extern Spinlock events_lock;

struct Watch : FileWatch, WaitQueue::Listener {
  Watch(EventPoll& poll, File& file, int fd);

  // Immutable. `file_link` is protected by both locks, `link` of Waiter by the queue's.
  EventPoll& poll;
  File& file;
  const int fd;
  EventPoll* const inner;      // the file is this epoll file; else null
  WaitQueue* queue = nullptr;  // the file's own; not used of an inner one, which has `file_link`

  std::atomic<uint32_t> wanted{0};  // kPoll… bits and event_flag; written with watch_lock held
  uint64_t data = 0;                // protected by watch_lock
  TreeLink<Watch> link;             // same
  ListLink nested_link;             // same
  ListLink found_link;              // same: by who collects
  ListLink ready_link;              // protected by events_lock

  struct Key {
    const File* file;
    int fd;
    constexpr auto operator<=>(const Key&) const = default;
  };
  Key key() const { return {&file, fd}; }
  /// It was kOneShot, and told.
  bool sleeps() const { return (wanted.load() & ~event_flag::kAll) == 0; }
};

inline Watch::Key watch_key(const Watch& watch) { return watch.key(); }

/// An event that was collected, and how to take that back.
struct Collected {
  Event event;
  uint32_t wanted;  // what the watch had
  Watch::Key key;
};

class EventPoll final : public MemoryInode {
 public:
  EventPoll();
  /// Null if the file isn't one.
  static EventPoll* of(const File& file);

  Result<void> on_open(File& file) override;
  void on_close(File& file) override EXCLUDES(watch_lock);
  Result<uint64_t> read(File&, IoBuffer&, uint64_t) override { return Errno::kEINVAL; }
  Result<uint64_t> write(File&, IoBuffer&, uint64_t&) override { return Errno::kEINVAL; }
  uint32_t poll(File& file, WaitQueue** wait) override EXCLUDES(watch_lock);

  /// Null if there is none.
  Watch* find(const Watch::Key& key) REQUIRES(watch_lock);
  void insert(Watch& watch) REQUIRES(watch_lock);
  /// Then nobody finds the watch nor is told of it.
  void remove(Watch& watch) REQUIRES(watch_lock);
  Watch* any_watch() REQUIRES(watch_lock) { return watches_.root(); }

  /// Whether a watched file is ready; forgets those on the ready list that aren't.
  bool any_ready() REQUIRES(watch_lock);
  /// What is ready, the longest first. How many.
  uint64_t collect(std::span<Collected> room) EXCLUDES(watch_lock);
  /// As if they had not been collected.
  void put_back(std::span<const Collected> events) EXCLUDES(watch_lock);
  /// How many collect() would find at most.
  uint64_t ready_count() const { return ready_count_.load(); }
  /// Waits until there may be some. EINTR, EAGAIN (the deadline passed).
  Result<void> wait(uint64_t deadline_ns);

  /// Something may have become ready that `watch` is for: wakes who waits, here and in those that watch this.
  static void mark(Watch& watch, Wake when) REQUIRES(events_lock);
  static void mark_if_ready(Watch& watch) REQUIRES(watch_lock);

  // The longest way down, and up, to an epoll file without another, in levels. `target` on the way down counts as
  // too many. Each is looked at once a walk.
  static uint32_t depth_below(EventPoll& from, const EventPoll& target, uint64_t walk)
      REQUIRES(watch_lock);
  static uint32_t depth_above(EventPoll& from, uint64_t walk) REQUIRES(watch_lock);

 private:
  /// The first of the ready list, taken off it.
  Watch* take_ready() EXCLUDES(events_lock);
  void put_ready(Watch& watch, bool first) REQUIRES(events_lock);
  void leave_ready(Watch& watch) REQUIRES(events_lock);

  Tree<Watch, &Watch::link, &watch_key> watches_ GUARDED_BY(watch_lock);
  List<Watch, &Watch::nested_link> nested_ GUARDED_BY(watch_lock);  // those of epoll files
  uint64_t walk_ GUARDED_BY(watch_lock) = 0;                        // that was here last
  uint32_t depth_ GUARDED_BY(watch_lock) = 0;                       // and what it found

  List<Watch, &Watch::ready_link> ready_ GUARDED_BY(events_lock);
  std::atomic<uint64_t> ready_count_{0};  // written with events_lock held
  WaitQueue changes_{"events", LockRank::kEventQueue};
  File* file_ = nullptr;  // the one that it is open as; set once
};

/// What of that which is asked for is so now.
uint32_t ready_events(Watch& watch) REQUIRES(watch_lock);

}  // namespace cairn
