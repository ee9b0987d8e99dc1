// epoll: waiting for any of many files.
#include "special_files/event_poll.h"
#include "syscalls/lab_b/user_files.h"
#include "syscalls/lab_b/waiting.h"

namespace cairn {

namespace {

enum : uint32_t { kAdd = 1, kRemove = 2, kChange = 3 };

Result<int> create(uint32_t flags) {
  if ((flags & ~open_flag::kCloseOnExec) != 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(create_event_poll());
  return give_fd(std::move(file), (flags & open_flag::kCloseOnExec) != 0);
}

/// What exclusive watches can be.
Result<void> check_exclusive(const File& target, uint32_t operation, uint32_t events) {
  constexpr uint32_t kPossible = kPollIn | kPollOut | kPollError | kPollHangUp |
                                 event_flag::kExclusive | event_flag::kWakeUp | event_flag::kEdge;
  if ((events & event_flag::kExclusive) == 0) return {};
  if (operation == kChange) return Errno::kEINVAL;
  bool impossible = is_event_poll(target) || (events & ~kPossible) != 0;
  return operation == kAdd && impossible ? Errno::kEINVAL : Result<void>();
}

Result<void> control(TrapFrame& call) {
  const auto operation = uint32_t(argument1(call));
  const int fd = int(argument2(call));
  Event event{};
  if (operation != kRemove) event = TRY(read_user<Event>(VirtAddr(argument3(call))));
  RefPtr<File> poll = TRY(usable_file(argument0(call)));
  RefPtr<File> target = TRY(usable_file(uint64_t(fd)));
  if (!is_watchable(*target)) return Errno::kEPERM;
  if (poll.get() == target.get() || !is_event_poll(*poll)) return Errno::kEINVAL;
  TRY(check_exclusive(*target, operation, event.events));
  switch (operation) {
    case kAdd: return add_watch(*poll, *target, fd, event);
    case kRemove: return remove_watch(*poll, *target, fd);
    case kChange: return change_watch(*poll, *target, fd, event);
    default: return Errno::kEINVAL;
  }
}

Result<uint64_t> wait(TrapFrame& call, uint64_t deadline_ns) {
  const VirtAddr events(argument1(call));
  const auto most = int(argument2(call));
  if (most <= 0 || most > int(INT32_MAX / sizeof(Event))) return Errno::kEINVAL;
  if (!is_user_range(events, uint64_t(most) * sizeof(Event))) return Errno::kEFAULT;
  RefPtr<File> poll = TRY(usable_file(argument0(call)));
  if (!is_event_poll(*poll)) return Errno::kEINVAL;
  return wait_for_events(*poll, events, uint64_t(most), deadline_ns);
}

Result<uint64_t> wait_with_mask(TrapFrame& call, uint64_t deadline_ns) {
  return with_mask(argument4(call), argument5(call), [&] { return wait(call, deadline_ns); });
}

Result<uint64_t> wait_with_timespec(TrapFrame& call) {
  uint64_t deadline = TRY(read_deadline(argument3(call)));
  return wait_with_mask(call, deadline);
}

}  // namespace

int64_t sys_epoll_create(TrapFrame& call) {
  return int(argument0(call)) > 0 ? to_return(create(0)) : failure(Errno::kEINVAL);
}
int64_t sys_epoll_create1(TrapFrame& call) { return to_return(create(uint32_t(argument0(call)))); }
int64_t sys_epoll_ctl(TrapFrame& call) { return to_return(control(call)); }
int64_t sys_epoll_wait(TrapFrame& call) {
  return to_return(wait(call, deadline_of_ms(int(argument3(call)))));
}
int64_t sys_epoll_pwait(TrapFrame& call) {
  return to_return(wait_with_mask(call, deadline_of_ms(int(argument3(call)))));
}
int64_t sys_epoll_pwait2(TrapFrame& call) { return to_return(wait_with_timespec(call)); }

}  // namespace cairn
