// What poll(), select() and epoll wait for, and what came of it.
#include "special_files/event_poll.h"
#include "syscalls/decode/flag_names.h"
#include "syscalls/decode/show.h"
#include "syscalls/lab_b/abi.h"

namespace cairn {

void show_poll_events(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<abi::PollFd>(out, call.arguments[index], call.arguments[index + 1],
                           [](BufferWriter& to, const abi::PollFd& one) {
                             to.write("{");
                             print(to, "fd={}, events=", one.fd);
                             write_flags(to, one.events, kPollNames);
                             to.write("}");
                           });
}

/// Those that are ready.
void show_poll_results(BufferWriter& out, const CallView& call, unsigned index) {
  if (call.result <= 0) return;
  uint64_t at = call.arguments[index], left = uint64_t(call.result);
  out.write("[");
  for (uint64_t i = 0; i < call.arguments[index + 1] && left != 0; i++, at += sizeof(abi::PollFd)) {
    auto one = read_user<abi::PollFd>(VirtAddr(at));
    if (!one.ok()) break;
    if (one->ready == 0) continue;
    print(out, "{}", left == uint64_t(call.result) ? "" : ", ");
    if (out.text().size() > kShownText / 2) {
      out.write("...");
      break;
    }
    out.write("{");
    print(out, "fd={}, revents=", one->fd);
    write_flags(out, one->ready, kPollNames);
    out.write("}");
    left--;
  }
  out.write("]");
}

namespace {

void write_event(BufferWriter& out, const Event& event) {
  out.write("{events=");
  write_flags(out, event.events, kWatchNames);
  print(out, ", data={:x}", uint64_t(event.data));
  out.write("}");
}

}  // namespace

void show_watched_event(BufferWriter& out, const CallView& call, unsigned index) {
  auto event = read_user<Event>(VirtAddr(call.arguments[index]));
  event.ok() ? write_event(out, *event) : write_address(out, call.arguments[index]);
}

void show_found_events(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<Event>(out, call.arguments[index], uint64_t(call.result), write_event);
}

/// fd_set: [0 3 7]. The number of bits that count is the first argument.
void show_descriptor_set(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr uint64_t kMostDescriptors = 1024, kWordBits = 64;
  const uint64_t address = call.arguments[index];
  if (address == 0) return write_address(out, address);
  const uint64_t count = std::min(call.arguments[0], kMostDescriptors);
  uint64_t word = 0;
  unsigned shown = 0;
  out.write("[");
  for (uint64_t fd = 0; fd < count; fd++) {
    if (fd % kWordBits == 0) {
      auto read = read_user<uint64_t>(VirtAddr(address + fd / 8));
      word = read.ok() ? *read : 0;
    }
    if ((word >> fd % kWordBits & 1) == 0) continue;
    if (shown++ == kShownItems) {
      out.write(" ...");
      break;
    }
    print(out, "{}{}", shown == 1 ? "" : " ", fd);
  }
  out.write("]");
}

void show_descriptor_results(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr const char* kSets[] = {"in ", "out ", "exceptional "};
  if (call.result <= 0 || call.arguments[index] == 0) return;
  out.write(kSets[index - 1]);
  show_descriptor_set(out, call, index);
}

}  // namespace cairn
