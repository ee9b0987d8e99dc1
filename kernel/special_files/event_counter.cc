#include "special_files/event_counter.h"

#include "memory/heap.h"
#include "sched/wait_queue.h"
#include "special_files/anonymous.h"
#include "vfs/memory_inode.h"

namespace cairn {

namespace {

class EventCounter final : public MemoryInode {
 public:
  EventCounter(uint64_t value, bool semaphore)
      : MemoryInode(anonymous_file_system(), next_anonymous_number(),
                    {.type = FileType::kUnknown, .permissions = 0600}),
        semaphore_(semaphore),
        value_(value) {
    links = 1;
  }

  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t) override {
    if (buffer.left() < sizeof(uint64_t)) return Errno::kEINVAL;
    auto taken = change(
        file, kPollOut, [this](uint64_t now) { return semaphore_ ? now - 1 : 0; },
        [](uint64_t now) { return now != 0; });
    if (!taken.ok()) return taken.error();
    uint64_t told = semaphore_ ? 1 : *taken;
    TRY(buffer.put(&told, sizeof(told)));
    return sizeof(told);
  }
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t&) override {
    uint64_t more = 0;
    if (buffer.left() < sizeof(more)) return Errno::kEINVAL;
    TRY(buffer.take(&more, sizeof(more)));
    if (more == UINT64_MAX) return Errno::kEINVAL;
    TRY(change(
        file, kPollIn, [more](uint64_t now) { return now + more; },
        [more](uint64_t now) { return more <= kMost - now; }));
    return sizeof(more);
  }
  uint32_t poll(File&, WaitQueue** wait) override {
    if (wait != nullptr) *wait = &changes_;
    uint64_t now = value_.load();
    return (now != 0 ? kPollIn : 0) | (now < kMost ? kPollOut : 0);
  }

 private:
  static constexpr uint64_t kMost = UINT64_MAX - 1;

  /// Waits until `possible(value)` and makes it `next(value)`, in one step, which is news to those who wait for `news`.
  /// The value before; EAGAIN, EINTR.
  template <class Next, class Possible>
  Result<uint64_t> change(File& file, uint32_t news, Next next, Possible possible) {
    uint64_t now = value_.load();
    while (true) {
      if (!possible(now)) {
        if (file.non_blocking()) return Errno::kEAGAIN;
        TRY(changes_.wait_until_interruptible([&] { return possible(now = value_.load()); }));
      } else if (value_.compare_exchange_strong(now, next(now))) {
        changes_.wake_all(Wake::kNow, news);
        return now;
      }
    }
  }

  const bool semaphore_;
  std::atomic<uint64_t> value_;
  WaitQueue changes_{"event"};
};

}  // namespace

Result<RefPtr<File>> create_event_counter(uint32_t value, bool semaphore, uint32_t flags) {
  auto* inode = new_object<EventCounter>(value, semaphore);
  if (inode == nullptr) return Errno::kENOMEM;
  return open_place(anonymous_place(*inode), flags | open_flag::kReadWrite);
}

}  // namespace cairn
