// What a process does, told as text to somebody who waits for it: its system calls, signals and end, as strace shows
// them. A process has one trace at most, and its children can have the same. What is told stands in a ring of
// bounded size. Who finds no room waits for the reader, so nothing is lost; a reader who goes sets all free.
//
// Nothing of this costs who isn't traced: a traced thread is one whose Thread::known_calls is 0, so that each of its
// calls takes the way of those that don't exist, off the common one (syscalls/dispatch.cc).
#pragma once

#include <atomic>
#include <span>
#include <string_view>

#include "lib/ref_ptr.h"
#include "lib/result.h"
#include "process/signal_info.h"
#include "process/tree_lock.h"
#include "sched/wait_queue.h"
#include "sync/guarded.h"

namespace cairn {

struct Process;
struct UserThread;

class CallTrace : public RefCounted<CallTrace> {
 public:
  /// Of process `pid`: lines of other threads say whose they are. Is it for the superuser or the kernel
  /// (`privileged`), it goes on when the process gets privileges.
  CallTrace(Pid pid, bool privileged) : privileged(privileged), pid_(pid) {}

  const bool privileged;
  std::atomic<bool> follows_children{false};

  /// A call's line is told in two pieces, as it begins and as it ends; what comes between cuts it in two.
  enum class Piece : uint8_t { kBegin, kEnd, kLine, kLast };
  /// The running thread tells `text` of a call `name`; lines have none. Waits for room, and gives up only where the thread
  /// ends, or nobody reads; the last lines of a thread have some of their own and never wait. May sleep.
  void tell(Piece piece, std::string_view name, std::string_view text);

  /// The next bytes that were told; waits for them. 0: all was read, and nobody has this trace any more. EINTR.
  Result<size_t> read(std::span<char> buffer);
  /// Whether read() would return now.
  bool is_ready();
  WaitQueue& told() { return told_; }
  /// Nobody reads any more.
  void close();
  bool is_closed() { return closed_; }

  /// A process has it, or has it no more.
  void add_process() { processes_++; }
  void remove_process();

 private:
  static constexpr size_t kSize = 7680, kReserve = 1024;  // bytes
  static constexpr size_t kMostOfText = 768, kMostAround = 128;
  struct Ring {
    uint64_t start, end;  // positions; end - start bytes are to be read
    Pid open;             // the thread whose call's line has no end yet; 0: a line begins
    char bytes[kSize];

    void put(std::string_view text);  // there is room
  };

  bool try_to_tell(Pid tid, Piece piece, std::string_view name, std::string_view text);
  void write(Ring& ring, Pid tid, Piece piece, std::string_view name, std::string_view text) const;

  const Pid pid_;
  std::atomic<bool> closed_{false};
  std::atomic<uint32_t> processes_{0};
  WaitQueue told_{"trace"}, room_{"trace room"};
  Guarded<Ring> ring_{"call trace", LockRank::kCallTrace};
};

/// Begins to trace a process: every call that its threads make from now on is told. EPERM: it has a trace already;
/// ESRCH: it ends; ENOMEM.
Result<RefPtr<CallTrace>> begin_trace(Process& process, bool privileged)
    EXCLUDES(process_tree_lock);
/// The running thread's trace; null if nobody reads it, and then the thread isn't traced any more.
RefPtr<CallTrace> my_trace() EXCLUDES(process_tree_lock);

/// A child begins to exist, or its parent's new thread: it is traced if he is, and the trace follows.
void inherit_trace(Process& child, const Process& parent) REQUIRES(process_tree_lock);
void mark_traced(UserThread& thread) REQUIRES(process_tree_lock);
/// The process may other things than whoever reads may see: its trace ends, unless that is the superuser's.
void end_foreign_trace(Process& process) REQUIRES(process_tree_lock);

/// The running thread takes a signal, perhaps one that ends it; its process ends with a status as wait4() reports it. May sleep.
void tell_signal(const SignalInfo& info, bool ends) EXCLUDES(process_tree_lock);
void tell_end(Process& process, int wait_status) EXCLUDES(process_tree_lock);

}  // namespace cairn
