// poll, ppoll, select, pselect6: waiting for any of several files.
#include <algorithm>

#include "address_space/user_copy.h"
#include "arch/cpu.h"
#include "memory/heap.h"
#include "process/signal.h"
#include "sched/wait_queue.h"
#include "syscalls/lab_b/user_files.h"
#include "syscalls/lab_b/waiting.h"
#include "time/clock.h"

namespace cairn {

namespace {

/// One file that is looked at, and where its changes are reported.
struct Watched {
  RefPtr<File> file;    // null: not watched, or no such descriptor
  uint16_t wanted = 0;  // errors and hang-up always count
  uint32_t ready = 0;
};

/// Memory for `count` files and the same number of wait entries.
class WatchList {
 public:
  ~WatchList() {
    for (Watched& one : all()) one.~Watched();
    if (memory_ != short_) heap_free(memory_);
  }
  Result<void> start(uint64_t count) {
    if (count * kEach > sizeof(short_)) memory_ = heap_allocate(count * kEach);
    if (memory_ == nullptr) return Errno::kENOMEM;
    count_ = count;
    for (Watched& one : all()) new (&one) Watched();
    for (WaitSet::Entry& entry : entries()) new (&entry) WaitSet::Entry();
    return {};
  }
  std::span<Watched> all() { return {static_cast<Watched*>(memory_), count_}; }
  std::span<WaitSet::Entry> entries() {
    return {reinterpret_cast<WaitSet::Entry*>(static_cast<Watched*>(memory_) + count_), count_};
  }

  /// Waits until a file is ready, the deadline passes or a signal comes. How many are ready; EINTR.
  Result<uint64_t> wait(uint64_t deadline_ns) {
    uint64_t found = look(true);
    if (found != 0) return found;
    if (current_thread()->interrupted) return Errno::kEINTR;
    if (deadline_ns == 0) return found;
    WaitSet set(entries());
    auto waited = set.wait_until_interruptible(
        [this, &found] { return (found = look(false)) != 0; }, deadline_ns);
    if (waited.error() == Errno::kEINTR) return Errno::kEINTR;
    return found;
  }

 private:
  static constexpr size_t kEach = sizeof(Watched) + sizeof(WaitSet::Entry);

  /// How many are ready. `first`: also learns which queues to wait in.
  uint64_t look(bool first) {
    uint64_t found = 0;
    for (size_t i = 0; i < count_; i++) {
      Watched& one = all()[i];
      if (one.file) {
        WaitQueue** queue = first ? &entries()[i].queue : nullptr;
        one.ready = with_second_names(one.file->inode().poll(*one.file, queue)) &
                    (one.wanted | kPollError | kPollHangUp);
      }
      if (one.ready != 0) found++;
    }
    return found;
  }

  alignas(16) char short_[8 * kEach];
  void* memory_ = short_;
  size_t count_ = 0;
};

/// What is left until the deadline.
abi::TimeSpec time_left(uint64_t deadline_ns) {
  uint64_t now = monotonic_ns();
  uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
  return {int64_t(left / kNsPerSecond), int64_t(left % kNsPerSecond)};
}

// ---- poll

void watch(Watched& watched, const abi::PollFd& asked) {
  if (asked.fd < 0) return;
  watched.wanted = asked.events;
  auto file = usable_file(uint64_t(asked.fd));
  if (file.ok()) {
    watched.file = file.take();
  } else {
    watched.ready = abi::kPollInvalid;
  }
}

Result<uint64_t> poll_files(uint64_t address, uint64_t count, uint64_t deadline_ns) {
  if (count > fd_limit()) return Errno::kEINVAL;
  constexpr uint64_t kPiece = 32;  // of the array at a time
  WatchList list;
  TRY(list.start(count));
  for (uint64_t i = 0; i < count; i += kPiece) {
    abi::PollFd asked[kPiece];
    uint64_t piece = std::min(count - i, kPiece);
    TRY(copy_from_user(asked, VirtAddr(address + i * sizeof(abi::PollFd)),
                       piece * sizeof(abi::PollFd)));
    for (uint64_t j = 0; j < piece; j++) watch(list.all()[i + j], asked[j]);
  }
  uint64_t found = TRY(list.wait(deadline_ns));
  for (uint64_t i = 0; i < count; i += kPiece) {
    uint16_t ready[kPiece];
    uint64_t piece = std::min(count - i, kPiece);
    for (uint64_t j = 0; j < piece; j++) ready[j] = uint16_t(list.all()[i + j].ready);
    // The answers alone: the rest is the program's, and another thread may have changed it.
    VirtAddr first(address + i * sizeof(abi::PollFd) + offsetof(abi::PollFd, ready));
    TRY(copy_fields_to_user(first, sizeof(abi::PollFd), ready, sizeof(ready[0]), piece));
  }
  return found;
}

// ---- select

/// The three sets of select(), as bits.
struct FdSets {
  static constexpr size_t kWords = kMaxFds / 64;
  uint64_t words[3][kWords] = {};

  bool has(int set, uint64_t fd) const { return (words[set][fd / 64] >> fd % 64 & 1) != 0; }
  void put(int set, uint64_t fd) { words[set][fd / 64] |= 1ull << fd % 64; }
  uint64_t wanted(uint64_t fd) const {
    return (has(0, fd) ? kPollIn : 0) | (has(1, fd) ? kPollOut : 0);
  }
  bool any(uint64_t fd) const { return has(0, fd) || has(1, fd) || has(2, fd); }
};

struct SelectCall {
  uint64_t count;
  uint64_t addresses[3];  // read, write, exceptional; 0: not asked

  uint64_t bytes() const { return (count + 63) / 64 * 8; }
  Result<void> read(FdSets& sets) const {
    for (int i = 0; i < 3; i++) {
      if (addresses[i] == 0 || count == 0) continue;
      TRY(copy_from_user(sets.words[i], VirtAddr(addresses[i]), bytes()));
    }
    return {};
  }
  Result<void> write(const FdSets& sets) const {
    for (int i = 0; i < 3; i++) {
      if (addresses[i] == 0 || count == 0) continue;
      TRY(copy_to_user(VirtAddr(addresses[i]), sets.words[i], bytes()));
    }
    return {};
  }
};

/// Counts bits, not files: one may be ready for reading and for writing.
uint64_t collect_ready(WatchList& list, const FdSets& asked, FdSets& ready) {
  constexpr uint32_t kReadable = kPollIn | kPollHangUp | kPollError;
  constexpr uint32_t kWritable = kPollOut | kPollError;
  uint64_t bits = 0;
  for (uint64_t fd = 0; fd < list.all().size(); fd++) {
    uint32_t state = list.all()[fd].ready;
    if (asked.has(0, fd) && (state & kReadable) != 0) ready.put(0, fd), bits++;
    if (asked.has(1, fd) && (state & kWritable) != 0) ready.put(1, fd), bits++;
  }
  return bits;
}

Result<uint64_t> select_files(const SelectCall& call, uint64_t deadline_ns) {
  FdSets asked;
  TRY(call.read(asked));
  WatchList list;
  TRY(list.start(call.count));
  for (uint64_t fd = 0; fd < call.count; fd++) {
    if (!asked.any(fd)) continue;
    Watched& watched = list.all()[fd];
    watched.file = TRY(usable_file(fd));
    watched.wanted = uint16_t(asked.wanted(fd));
  }
  TRY(list.wait(deadline_ns));
  FdSets ready;
  uint64_t bits = collect_ready(list, asked, ready);
  TRY(call.write(ready));
  return bits;
}

Result<SelectCall> select_arguments(TrapFrame& call) {
  auto count = int(argument0(call));
  if (count < 0) return Errno::kEINVAL;
  return SelectCall{uint64_t(std::min(count, kMaxFds)),
                    {argument1(call), argument2(call), argument3(call)}};
}

Result<uint64_t> select_with_timeval(TrapFrame& call) {
  VirtAddr timeout(argument4(call));
  uint64_t deadline = kNoDeadline;
  if (timeout.value != 0) {
    abi::TimeVal time = TRY(read_user<abi::TimeVal>(timeout));
    int64_t seconds;
    if (__builtin_add_overflow(time.seconds, time.microseconds / 1'000'000, &seconds)) {
      return Errno::kEINVAL;
    }
    deadline = TRY(deadline_of(seconds, time.microseconds % 1'000'000 * 1000));
  }
  auto found = select_files(TRY(select_arguments(call)), deadline);
  if (timeout.value != 0) {
    // Linux tells what is left, and nobody if it can't.
    abi::TimeSpec left = time_left(deadline);
    (void)write_user(timeout, abi::TimeVal{left.seconds, left.nanoseconds / 1000});
  }
  return found;
}

void store_time_left(uint64_t address, uint64_t deadline) {
  if (address != 0) (void)write_user(VirtAddr(address), time_left(deadline));
}

Result<uint64_t> select_with_mask(TrapFrame& call) {
  struct MaskArgument {
    uint64_t address, size;
  } argument{};
  if (argument5(call) != 0) argument = TRY(read_user<MaskArgument>(VirtAddr(argument5(call))));
  uint64_t deadline = TRY(read_deadline(argument4(call)));
  auto found = with_mask(argument.address, argument.size, [&]() -> Result<uint64_t> {
    return select_files(TRY(select_arguments(call)), deadline);
  });
  store_time_left(argument4(call), deadline);
  return found;
}

Result<uint64_t> poll_with_mask(TrapFrame& call) {
  uint64_t deadline = TRY(read_deadline(argument2(call)));
  auto found = with_mask(argument3(call), argument4(call), [&] {
    return poll_files(argument0(call), uint32_t(argument1(call)), deadline);
  });
  store_time_left(argument2(call), deadline);
  return found;
}

}  // namespace

int64_t sys_poll(TrapFrame& call) {
  auto timeout_ms = int(argument2(call));
  uint64_t deadline = deadline_of_ms(timeout_ms);
  auto found = poll_files(argument0(call), uint32_t(argument1(call)), deadline);
  if (found.error() == Errno::kEINTR && timeout_ms > 0) keep_deadline(deadline);
  return to_return(std::move(found));
}
int64_t sys_ppoll(TrapFrame& call) { return to_return(poll_with_mask(call)); }
int64_t sys_select(TrapFrame& call) { return to_return(select_with_timeval(call)); }
int64_t sys_pselect6(TrapFrame& call) { return to_return(select_with_mask(call)); }

}  // namespace cairn
