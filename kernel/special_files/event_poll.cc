#include "special_files/event_poll.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "special_files/anonymous.h"
#include "special_files/event_watch.h"

namespace cairn {

constinit Spinlock watch_lock{"watches", LockRank::kWatches};
constinit Spinlock events_lock{"events", LockRank::kEvents};

namespace {

constexpr char kMark = 0;  // File::stream of epoll files

}  // namespace

EventPoll::EventPoll()
    : MemoryInode(anonymous_file_system(), next_anonymous_number(),
                  {.type = FileType::kUnknown, .permissions = 0600}) {
  links = 1;
}

EventPoll* EventPoll::of(const File& file) {
  return file.stream == &kMark ? static_cast<EventPoll*>(&file.inode()) : nullptr;
}
bool is_event_poll(const File& file) { return EventPoll::of(file) != nullptr; }

/// Once: what leads back to the inode (/proc/self/fd) doesn't open it again.
Result<void> EventPoll::on_open(File& file) {
  if (file_ != nullptr) return Errno::kENXIO;
  file_ = &file;
  file.stream = const_cast<char*>(&kMark);
  return {};
}

uint32_t EventPoll::poll(File&, WaitQueue** wait) {
  if (wait != nullptr) *wait = &changes_;
  if (ready_count() == 0) return 0;
  Guard guard(watch_lock);
  return any_ready() ? kPollIn : 0;
}

void EventPoll::put_ready(Watch& watch, bool first) {
  if (watch.ready_link.linked()) return;
  first ? ready_.push_front(watch) : ready_.push_back(watch);
  ready_count_.fetch_add(1);
}

void EventPoll::leave_ready(Watch& watch) {
  if (!watch.ready_link.linked()) return;
  ready_.remove(watch);
  ready_count_.fetch_sub(1);
}

Watch* EventPoll::take_ready() {
  IrqGuard guard(events_lock);
  Watch* first = ready_.front();
  if (first != nullptr) leave_ready(*first);
  return first;
}

/// A waiter may have looked while the watch was off the list, so who waits is woken even if it is there already.
void EventPoll::mark(Watch& watch, Wake when) {
  EventPoll& poll = watch.poll;
  poll.put_ready(watch, false);
  poll.changes_.wake_all(when);
  for (FileWatch& upper : poll.file_->watches) {
    auto& outer = static_cast<Watch&>(upper);
    if (!outer.sleeps()) mark(outer, when);
  }
}

uint32_t ready_events(Watch& watch) NO_THREAD_SAFETY_ANALYSIS {
  const uint32_t wanted = watch.wanted.load() & ~event_flag::kAll;
  if (wanted == 0) return 0;
  const uint32_t ready = watch.inner == nullptr ? watch.file.inode().poll(watch.file, nullptr)
                                                : (watch.inner->any_ready() ? kPollIn : 0);
  return with_second_names(ready) & wanted;
}

bool EventPoll::any_ready() {
  while (Watch* watch = take_ready()) {
    if (ready_events(*watch) == 0) continue;
    IrqGuard guard(events_lock);
    put_ready(*watch, true);
    return true;
  }
  return false;
}

uint64_t EventPoll::collect(std::span<Collected> room) {
  Guard guard(watch_lock);
  List<Watch, &Watch::found_link> found;
  uint64_t count = 0;
  while (count < room.size()) {
    Watch* watch = take_ready();
    if (watch == nullptr) break;
    if (watch->found_link.linked()) {  // something happened since: the next call's
      IrqGuard events(events_lock);
      put_ready(*watch, true);
      break;
    }
    const uint32_t ready = ready_events(*watch), wanted = watch->wanted.load();
    if (ready == 0) continue;
    room[count++] = {{ready, watch->data}, wanted, watch->key()};
    found.push_back(*watch);
    if ((wanted & event_flag::kOneShot) != 0) watch->wanted = wanted & event_flag::kAll;
  }
  IrqGuard events(events_lock);
  while (Watch* watch = found.pop_front()) {
    bool is_edge = (watch->wanted.load() & event_flag::kEdge) != 0;
    if (!is_edge && !watch->sleeps()) put_ready(*watch, false);
  }
  if (!ready_.empty()) changes_.wake_all();  // others may wait
  return count;
}

void EventPoll::put_back(std::span<const Collected> events) {
  Guard guard(watch_lock);
  for (const Collected& one : events) {
    Watch* watch = find(one.key);
    if (watch == nullptr) continue;
    if (watch->sleeps()) watch->wanted = one.wanted;
    IrqGuard guard(events_lock);
    mark(*watch, Wake::kNow);
  }
}

Result<void> EventPoll::wait(uint64_t deadline_ns) {
  return changes_.wait_until_interruptible([this] { return ready_count() != 0; }, deadline_ns);
}

Result<RefPtr<File>> create_event_poll() {
  auto* inode = new_object<EventPoll>();
  if (inode == nullptr) return Errno::kENOMEM;
  return open_place(anonymous_place(*inode), open_flag::kReadWrite);
}

namespace {

/// Room for what one call collects: on the stack, or, if more is ready, on the heap, where there is memory.
class Room {
 public:
  explicit Room(uint64_t wanted) {
    wanted = std::min(wanted, kMost);
    if (wanted <= std::size(short_)) return;
    void* memory = heap_allocate(wanted * sizeof(Collected));
    if (memory != nullptr) all_ = {static_cast<Collected*>(memory), wanted};
  }
  ~Room() {
    if (all_.data() != short_) heap_free(all_.data());
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  std::span<Collected> up_to(uint64_t count) {
    return all_.first(std::min<uint64_t>(count, all_.size()));
  }

 private:
  static constexpr uint64_t kMost = 512;  // events: files that are asked with preemption disabled
  Collected short_[8];
  std::span<Collected> all_{short_};
};

Result<void> store(std::span<const Collected> events, VirtAddr to) {
  for (size_t i = 0; i < events.size(); i++) {
    TRY(write_user(VirtAddr(to.value + i * sizeof(Event)), events[i].event));
  }
  return {};
}

}  // namespace

Result<uint64_t> wait_for_events(File& file, VirtAddr events, uint64_t most, uint64_t deadline_ns) {
  EventPoll& poll = *EventPoll::of(file);
  while (true) {
    {
      Room room(std::min(most, poll.ready_count()));
      uint64_t count = poll.collect(room.up_to(most));
      if (count != 0) {
        auto found = room.up_to(count);
        auto stored = store(found, events);
        if (!stored.ok()) return poll.put_back(found), stored.error();
        return count;
      }
    }
    if (deadline_ns == 0) return uint64_t(0);
    auto waited = poll.wait(deadline_ns);
    if (waited.error() == Errno::kEAGAIN) return uint64_t(0);
    TRY(waited);
  }
}

}  // namespace cairn
