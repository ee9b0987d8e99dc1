#include "process/child_events.h"

#include "process/signal.h"

namespace cairn {

namespace {

constexpr int kContinuedStatus = 0xffff;
constexpr int kStoppedMark = 0x7f;
constexpr uint64_t kClockTickNs = 10'000'000;  // clock_t

}  // namespace

SignalInfo child_info(Process& child, int wait_status) {
  int32_t code = kChildKilled;
  int reason = wait_status & 0x7f;
  if (wait_status == kContinuedStatus) {
    code = kChildContinued;
    reason = kSigCont;
  } else if ((wait_status & 0xff) == kStoppedMark) {
    code = kChildStopped;
    reason = wait_status >> 8;
  } else if (reason == 0) {
    code = kChildExited;
    reason = wait_status >> 8 & 0xff;
  }
  SignalInfo info = SignalInfo::from_process(kSigChild, code, child.pid.value, child.ids.user.real);
  CpuTime time = cpu_time_of(child);
  info.words[1] = uint64_t(reason);
  info.words[2] = time.user_ns / kClockTickNs;
  info.words[3] = time.kernel_ns / kClockTickNs;
  return info;
}

bool reaps_children_at_once(const Process& parent) {
  return (parent.ignored_signals & signal_bit(kSigChild)) != 0 ||
         (parent.actions[kSigChild - 1].flags & kNoChildWait) != 0;
}

void place_child(Process& child) {
  if (child.parent == nullptr) return;
  ChildList::remove(child);
  bool changed = child.state == ProcessState::kZombie || child.change != Process::kNoChange;
  (changed ? child.parent->changed_children : child.parent->children).push_back(child);
}

void tell_parent_of_change(Process& child) {
  Process* parent = child.parent;
  if (parent == nullptr) return;
  bool wanted = (parent->actions[kSigChild - 1].flags & kNoChildStop) == 0 &&
                (parent->ignored_signals & signal_bit(kSigChild)) == 0;
  if (wanted) (void)send_signal_locked(*parent, nullptr, child_info(child, child.wait_status));
  parent->child_events.wake_all();
}

void tell_parent_of_end(Process& parent, Process& child, int wait_status) {
  // Who ignores it gets none, not even one that waits to be unblocked.
  bool ignored = (parent.ignored_signals & signal_bit(kSigChild)) != 0;
  if (!ignored) (void)send_signal_locked(parent, nullptr, child_info(child, wait_status));
  parent.child_events.wake_all();
}

}  // namespace cairn
