// One line for each call: name(arguments) = result. What the call is given is shown before it is made, and all before the
// first argument that it stores is told at once: so one sees in which call somebody waits, and arguments are as they
// were when the call looked at them.
#include "syscalls/decode/traced_call.h"

#include "process/call_trace.h"
#include "syscalls/arguments.h"
#include "syscalls/decode/call_shapes.h"
#include "syscalls/decode/show.h"
#include "syscalls/restart.h"

namespace cairn {

namespace {

constexpr size_t kShownLine = 700;  // bytes

/// Of calls that the table doesn't have.
constexpr ArgumentKind kUnknownArguments[] = {{show_hexadecimal}, {show_hexadecimal},
                                              {show_hexadecimal}, {show_hexadecimal},
                                              {show_hexadecimal}, {show_hexadecimal}};

std::span<const ArgumentKind> kinds_of(const CallShape* shape) {
  return shape != nullptr ? shape->arguments : kUnknownArguments;
}

/// As far as the first argument that is known only later.
unsigned known_at_first(std::span<const ArgumentKind> kinds) {
  unsigned count = 0;
  while (count < kinds.size() && !kinds[count].is_result) count++;
  return count;
}

void write_argument(BufferWriter& line, const CallView& call, const ArgumentKind& kind,
                    unsigned index) {
  char buffer[kShownText];
  BufferWriter text(buffer);
  const bool nothing_stored = kind.is_result && call.failed();
  (nothing_stored ? show_address : kind.show)(text, call, index);
  if (text.text().empty()) return;
  print(line, "{}{}", index == 0 ? "" : ", ", text.text());
}

void write_result(BufferWriter& line, const CallView& call, const CallShape* shape, bool is_none) {
  if (is_none) return line.write(") = ?");
  if (call.failed()) return print(line, ") = -1 {}", errno_name(Errno(-call.result)));
  if (shape != nullptr && shape->returns_address) {
    return print(line, ") = {:x}", uint64_t(call.result));
  }
  print(line, ") = {}", call.result);
}

void write_changes(BufferWriter& line, const CallView& call, std::span<const ArgumentKind> kinds) {
  const char* separator = " (";
  for (unsigned i = 0; i < kinds.size(); i++) {
    if (kinds[i].show_after == nullptr) continue;
    char buffer[kShownText];
    BufferWriter text(buffer);
    kinds[i].show_after(text, call, i);
    if (text.text().empty()) continue;
    print(line, "{}{}", separator, text.text());
    separator = ", ";
  }
  if (separator[0] == ',') line.write(")");
}

/// syscall_401
std::string_view name_of(const CallView& call, const CallShape* shape, std::span<char> buffer) {
  if (shape != nullptr) return shape->name;
  BufferWriter name(buffer);
  print(name, "syscall_{}", call.number);
  return name.text();
}

/// False: it isn't traced any more.
[[gnu::noinline]] bool tell_begin(const CallView& call) {
  RefPtr<CallTrace> trace = my_trace();
  if (!trace) return false;
  char buffer[kShownLine], name[24];
  BufferWriter line(buffer);
  const CallShape* shape = shape_of(call.number);
  auto kinds = kinds_of(shape);
  for (unsigned i = 0; i < known_at_first(kinds); i++) write_argument(line, call, kinds[i], i);
  trace->tell(CallTrace::Piece::kBegin, name_of(call, shape, name), line.text());
  return true;
}

[[gnu::noinline]] void tell_end_of_call(const CallView& call, bool has_no_result) {
  RefPtr<CallTrace> trace = my_trace();
  if (!trace) return;
  char buffer[kShownLine], name[24];
  BufferWriter line(buffer);
  const CallShape* shape = shape_of(call.number);
  auto kinds = kinds_of(shape);
  for (unsigned i = known_at_first(kinds); i < kinds.size(); i++) {
    write_argument(line, call, kinds[i], i);
  }
  write_result(line, call, shape, has_no_result);
  if (!call.failed()) write_changes(line, call, kinds);
  trace->tell(CallTrace::Piece::kEnd, name_of(call, shape, name), line.text());
}

}  // namespace

int64_t traced_call(TrapFrame& frame, SyscallHandler handler) {
  CallView call{frame.rax,
                {argument0(frame), argument1(frame), argument2(frame), argument3(frame),
                 argument4(frame), argument5(frame)}};
  // No reference is held over the call, which may not return.
  if (!tell_begin(call)) return handler(frame);
  call.result = handler(frame);
  tell_end_of_call(call, frame.error == kNoCall);
  return call.result;
}

}  // namespace cairn
