#include "special_files/timer_file.h"

#include <algorithm>

#include "memory/heap.h"
#include "sched/wait_queue.h"
#include "special_files/anonymous.h"
#include "time/clock.h"
#include "time/timer.h"
#include "vfs/memory_inode.h"

namespace cairn {

namespace {

/// How often it expired is found when somebody asks; its interrupt only wakes those who wait.
class TimerFile final : public MemoryInode, Timer {
 public:
  explicit TimerFile(bool realtime)
      : MemoryInode(anonymous_file_system(), next_anonymous_number(),
                    {.type = FileType::kUnknown, .permissions = 0600}),
        Timer(on_interrupt),
        realtime(realtime) {
    links = 1;
  }
  const bool realtime;

  /// The timer of a file, or null: no other file's stream is its inode.
  static TimerFile* of(File& file) {
    bool is_one = file.stream == static_cast<Inode*>(&file.inode());
    return is_one ? static_cast<TimerFile*>(&file.inode()) : nullptr;
  }

  Result<void> on_open(File& file) override {
    file.stream = static_cast<Inode*>(this);
    return {};
  }
  void on_close(File&) override { cancel(); }
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t) override {
    if (buffer.left() < sizeof(uint64_t)) return Errno::kEINVAL;
    uint64_t count = take_expirations();
    while (count == 0) {
      if (file.non_blocking()) return Errno::kEAGAIN;
      TRY(changes_.wait_until_interruptible([this] { return has_expired(); }));
      count = take_expirations();
    }
    TRY(buffer.put(&count, sizeof(count)));
    return sizeof(count);
  }
  Result<uint64_t> write(File&, IoBuffer&, uint64_t&) override { return Errno::kEINVAL; }
  uint32_t poll(File&, WaitQueue** wait) override {
    if (wait != nullptr) *wait = &changes_;
    return has_expired() ? kPollIn : 0;
  }

  TimerSetting get() {
    Guard guard(lock_);
    TimerSetting now = setting_;
    now.deadline_ns = next_deadline(int64_t(monotonic_ns()));
    return now;
  }
  TimerSetting set(const TimerSetting& setting) {
    cancel();
    TimerSetting old;
    {
      Guard guard(lock_);
      old = {next_deadline(int64_t(monotonic_ns())), setting_.interval_ns};
      setting_ = setting;
      start();
    }
    changes_.wake_all();
    return old;
  }

 private:
  static void on_interrupt(Timer& timer) { static_cast<TimerFile&>(timer).changes_.wake_all(); }

  /// Expirations until `now` that nobody has read.
  uint64_t expirations(int64_t now) const REQUIRES(lock_) {
    if (now < setting_.deadline_ns) return 0;
    uint64_t interval = setting_.interval_ns;
    return 1 + (interval != 0 ? uint64_t(now - setting_.deadline_ns) / interval : 0);
  }
  /// The first that is ahead.
  int64_t next_deadline(int64_t now) const REQUIRES(lock_) {
    uint64_t passed = expirations(now);
    if (passed == 0) return setting_.deadline_ns;
    if (setting_.interval_ns == 0) return TimerSetting::kNever;
    return setting_.deadline_ns + int64_t(passed * setting_.interval_ns);
  }
  void start() REQUIRES(lock_) {
    if (setting_.deadline_ns != TimerSetting::kNever)
      arm(uint64_t(std::max<int64_t>(setting_.deadline_ns, 0)));
  }
  bool has_expired() {
    Guard guard(lock_);
    return expirations(int64_t(monotonic_ns())) != 0;
  }
  uint64_t take_expirations() {
    Guard guard(lock_);
    auto now = int64_t(monotonic_ns());
    uint64_t count = expirations(now);
    if (count == 0) return 0;
    setting_.deadline_ns = next_deadline(now);
    start();
    return count;
  }

  Spinlock lock_{"timer file", LockRank::kPipe};
  TimerSetting setting_ GUARDED_BY(lock_);
  WaitQueue changes_{"timer"};
};

}  // namespace

Result<RefPtr<File>> create_timer_file(bool realtime, uint32_t flags) {
  auto* inode = new_object<TimerFile>(realtime);
  if (inode == nullptr) return Errno::kENOMEM;
  return open_place(anonymous_place(*inode), flags | open_flag::kReadWrite);
}

Result<TimerSetting> get_timer_file(File& file) {
  TimerFile* timer = TimerFile::of(file);
  return timer != nullptr ? Result<TimerSetting>(timer->get()) : Errno::kEINVAL;
}

Result<TimerSetting> set_timer_file(File& file, const TimerSetting& setting) {
  TimerFile* timer = TimerFile::of(file);
  return timer != nullptr ? Result<TimerSetting>(timer->set(setting)) : Errno::kEINVAL;
}

Result<bool> is_realtime_timer_file(File& file) {
  TimerFile* timer = TimerFile::of(file);
  return timer != nullptr ? Result<bool>(timer->realtime) : Errno::kEINVAL;
}

}  // namespace cairn
