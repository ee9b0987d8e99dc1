#include "process/call_trace.h"

#include <algorithm>

#include "lib/format.h"
#include "memory/heap.h"
#include "process/signal.h"
#include "process/signal_names.h"
#include "sched/scheduler.h"

namespace cairn {

namespace {

constexpr std::string_view kUnfinished = " <unfinished ...>\n";

/// All of its threads: their calls are told, or go the common way.
void set_trace(Process& process, RefPtr<CallTrace> trace) REQUIRES(process_tree_lock) {
  if (trace) trace->add_process();
  if (process.trace) process.trace->remove_process();
  process.trace = std::move(trace);
  for (UserThread& thread : process.threads) mark_traced(thread);
}

}  // namespace

Result<RefPtr<CallTrace>> begin_trace(Process& process, bool privileged) {
  auto trace = RefPtr<CallTrace>::adopt(new_object<CallTrace>(process.pid, privileged));
  if (!trace) return Errno::kENOMEM;
  IrqGuard guard(process_tree_lock);
  if (process.state != ProcessState::kAlive || process.exiting) return Errno::kESRCH;
  if (process.trace && !process.trace->is_closed()) return Errno::kEPERM;
  set_trace(process, trace);
  return trace;
}

RefPtr<CallTrace> my_trace() {
  UserThread& me = current_user_thread();
  IrqGuard guard(process_tree_lock);
  if (me.process->trace && me.process->trace->is_closed()) set_trace(*me.process, nullptr);
  mark_traced(me);
  return me.process->trace;
}

void inherit_trace(Process& child, const Process& parent) {
  if (parent.trace && parent.trace->follows_children) set_trace(child, parent.trace);
}

void mark_traced(UserThread& thread) {
  thread.known_calls = thread.process->trace ? 0 : kAllCalls;
  note_known_calls_changed(thread);
}

void end_foreign_trace(Process& process) {
  if (process.is_private && process.trace && !process.trace->privileged) {
    set_trace(process, nullptr);
  }
}

void tell_signal(const SignalInfo& info, bool ends) {
  if (current_user_thread().known_calls != 0) return;
  RefPtr<CallTrace> trace = my_trace();
  if (!trace) return;
  char buffer[192];
  BufferWriter text(buffer);
  print(text, "--- {} ", SignalName(info.number()).text());
  print_signal_info(text, info);
  print(text, " ---");
  trace->tell(ends ? CallTrace::Piece::kLast : CallTrace::Piece::kLine, "", text.text());
}

void tell_end(Process& process, int wait_status) {
  RefPtr<CallTrace> trace;
  {
    IrqGuard guard(process_tree_lock);
    trace = process.trace;
    if (!trace) return;
  }
  char buffer[64];
  BufferWriter text(buffer);
  if (int signal = wait_status & 0x7f; signal != 0) {
    print(text, "+++ killed by {} +++", SignalName(unsigned(signal)).text());
  } else {
    print(text, "+++ exited with {} +++", wait_status >> 8 & 0xff);
  }
  trace->tell(CallTrace::Piece::kLast, "", text.text());
  IrqGuard guard(process_tree_lock);
  set_trace(process, nullptr);
}

void CallTrace::tell(Piece piece, std::string_view name, std::string_view text) {
  UserThread& me = current_user_thread();
  bool done = false;
  room_.wait_until([&] {
    done = done || closed_ || try_to_tell(me.tid, piece, name, text);
    return done || piece == Piece::kLast || will_end(me);
  });
  told_.wake_all();
}

/// False: there is no room. What is left of it then is for the last lines of those who can't wait.
bool CallTrace::try_to_tell(Pid tid, Piece piece, std::string_view name, std::string_view text) {
  text = text.substr(0, kMostOfText);
  const size_t most = kSize - (piece == Piece::kLast ? 0 : kReserve);
  return ring_.with([&](Ring& ring) {
    if (ring.end - ring.start + text.size() + kMostAround > most) return false;
    write(ring, tid, piece, name, text);
    return true;
  });
}

void CallTrace::write(Ring& ring, Pid tid, Piece piece, std::string_view name,
                      std::string_view text) const {
  auto put = [&ring](std::string_view bytes) { ring.put(bytes); };
  const bool goes_on = piece == Piece::kEnd && ring.open == tid;
  if (!goes_on) {
    if (ring.open.value != 0) put(ring.open == tid ? ") = ?\n" : kUnfinished);
    char buffer[kMostAround / 2];
    BufferWriter start(buffer);
    if (tid != pid_) print(start, "[pid {}] ", tid);
    if (piece == Piece::kEnd) print(start, "<... {} resumed>", name);
    if (piece == Piece::kBegin) print(start, "{}(", name);
    put(start.text());
  }
  put(text);
  ring.open = piece == Piece::kBegin ? tid : Pid(0);
  if (piece != Piece::kBegin) put("\n");
}

Result<size_t> CallTrace::read(std::span<char> buffer) {
  TRY(told_.wait_until_interruptible([this] { return is_ready(); }));
  size_t count = ring_.with([&buffer](Ring& ring) {
    size_t most = std::min(buffer.size(), size_t(ring.end - ring.start));
    for (size_t i = 0; i < most; i++) buffer[i] = ring.bytes[ring.start++ % kSize];
    return most;
  });
  room_.wake_all();
  return count;
}

bool CallTrace::is_ready() {
  return processes_ == 0 || ring_.with([](Ring& ring) { return ring.start != ring.end; });
}

void CallTrace::close() {
  closed_ = true;
  room_.wake_all();
}

void CallTrace::remove_process() {
  if (processes_.fetch_sub(1) != 1) return;
  ring_.with([](Ring& ring) {
    if (ring.open.value != 0) ring.put(kUnfinished);
  });
  told_.wake_all();
}

void CallTrace::Ring::put(std::string_view text) {
  for (char byte : text) bytes[end++ % kSize] = byte;
}

}  // namespace cairn
