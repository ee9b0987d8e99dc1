// What an epoll file watches: epoll_ctl(), and the end of either side.
#include <algorithm>

#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "special_files/event_watch.h"

namespace cairn {

namespace {

constinit std::atomic<uint64_t> watch_count{0};
constinit uint64_t last_walk GUARDED_BY(watch_lock) = 0;

uint64_t most_watches() { return total_frame_count() * kPageSize / 25 / sizeof(Watch); }

/// From the queue of the watched file, in any context.
void on_wake(WaitQueue::Listener& listener, Wake when, uint32_t changes) {
  auto& watch = static_cast<Watch&>(listener);
  if ((with_second_names(changes) & watch.wanted.load() & ~event_flag::kAll) == 0) return;
  IrqGuard guard(events_lock);
  EventPoll::mark(watch, when);
}

WaitQueue* queue_of(File& file) {
  WaitQueue* queue = nullptr;
  (void)file.inode().poll(file, &queue);
  return queue;
}

/// Errors and hang-up are always told.
uint32_t to_wanted(const Event& event) { return event.events | kPollError | kPollHangUp; }

}  // namespace

bool is_watchable(File& file) { return queue_of(file) != nullptr; }

Watch::Watch(EventPoll& poll, File& file, int fd)
    : Listener(on_wake), poll(poll), file(file), fd(fd), inner(EventPoll::of(file)) {}

Watch* EventPoll::find(const Watch::Key& key) {
  Watch* found = watches_.lower_bound(key);
  return found != nullptr && found->key() == key ? found : nullptr;
}

void EventPoll::insert(Watch& watch) {
  watches_.insert(watch);
  if (watch.inner != nullptr) nested_.push_back(watch);
  {
    IrqGuard guard(events_lock);
    watch.file.watches.push_back(watch);
  }
  watch.file.was_watched = true;
  if (watch.inner == nullptr) watch.queue->listen(watch);
}

void EventPoll::remove(Watch& watch) {
  if (watch.inner == nullptr) watch.queue->ignore(watch);
  watches_.remove(watch);
  if (watch.inner != nullptr) nested_.remove(watch);
  IrqGuard guard(events_lock);
  leave_ready(watch);
  watch.file.watches.remove(watch);
}

void EventPoll::mark_if_ready(Watch& watch) {
  if (ready_events(watch) == 0) return;
  IrqGuard guard(events_lock);
  mark(watch, Wake::kNow);
}

uint32_t EventPoll::depth_below(EventPoll& from, const EventPoll& target, uint64_t walk) {
  if (&from == &target) return kMostNested + 1;
  if (from.walk_ == walk) return from.depth_;
  uint32_t deepest = 0;
  for (Watch& watch : from.nested_) {
    deepest = std::max(deepest, 1 + depth_below(*watch.inner, target, walk));
  }
  from.walk_ = walk;
  return from.depth_ = deepest;
}

uint32_t EventPoll::depth_above(EventPoll& from, uint64_t walk) {
  if (from.walk_ == walk) return from.depth_;
  uint32_t highest = 0;
  for (FileWatch& upper : from.file_->watches) {
    highest = std::max(highest, 1 + depth_above(static_cast<Watch&>(upper).poll, walk));
  }
  from.walk_ = walk;
  return from.depth_ = highest;
}

namespace {

Result<void> check_nesting(EventPoll& outer, EventPoll& inner) REQUIRES(watch_lock) {
  const uint32_t below = EventPoll::depth_below(inner, outer, ++last_walk);
  if (below > kMostNested) return Errno::kELOOP;
  const uint32_t above = EventPoll::depth_above(outer, ++last_walk);
  return below + 1 + above > kMostNested ? Errno::kELOOP : Result<void>();
}

/// Enters a watch that is filled in.
Result<void> enter(Watch& watch) EXCLUDES(watch_lock) {
  Guard guard(watch_lock);
  if (watch.inner != nullptr) TRY(check_nesting(watch.poll, *watch.inner));
  if (watch.poll.find(watch.key()) != nullptr) return Errno::kEEXIST;
  watch.poll.insert(watch);
  EventPoll::mark_if_ready(watch);
  return {};
}

void destroy(Watch* watch) {
  delete watch;
  watch_count.fetch_sub(1);
}

}  // namespace

Result<void> add_watch(File& poll, File& target, int fd, const Event& wanted) {
  if (watch_count.fetch_add(1) >= most_watches()) {
    watch_count.fetch_sub(1);
    return Errno::kENOSPC;
  }
  auto* watch = new_object<Watch>(*EventPoll::of(poll), target, fd);
  if (watch == nullptr) {
    watch_count.fetch_sub(1);
    return Errno::kENOMEM;
  }
  watch->wanted = to_wanted(wanted);
  watch->data = wanted.data;
  watch->queue = queue_of(target);
  auto entered = watch->queue != nullptr ? enter(*watch) : Result<void>(Errno::kEPERM);
  if (!entered.ok()) destroy(watch);
  return entered;
}

Result<void> change_watch(File& poll, File& target, int fd, const Event& wanted) {
  EventPoll& events = *EventPoll::of(poll);
  Guard guard(watch_lock);
  Watch* watch = events.find({&target, fd});
  if (watch == nullptr) return Errno::kENOENT;
  if ((watch->wanted.load() & event_flag::kExclusive) != 0) return Errno::kEINVAL;
  watch->wanted = to_wanted(wanted);
  watch->data = wanted.data;
  EventPoll::mark_if_ready(*watch);
  return {};
}

Result<void> remove_watch(File& poll, File& target, int fd) {
  EventPoll& events = *EventPoll::of(poll);
  Watch* watch;
  {
    Guard guard(watch_lock);
    watch = events.find({&target, fd});
    if (watch == nullptr) return Errno::kENOENT;
    events.remove(*watch);
  }
  destroy(watch);
  return {};
}

void EventPoll::on_close(File&) {
  while (true) {
    Watch* watch;
    {
      Guard guard(watch_lock);
      watch = any_watch();
      if (watch == nullptr) return;
      remove(*watch);
    }
    destroy(watch);
  }
}

void forget_watches(File& file) {
  while (true) {
    Watch* watch;
    {
      Guard guard(watch_lock);
      watch = static_cast<Watch*>(file.watches.front());
      if (watch == nullptr) return;
      watch->poll.remove(*watch);
    }
    destroy(watch);
  }
}

}  // namespace cairn
