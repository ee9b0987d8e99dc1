// Kernel tests of what sockets do while memory is short: whichever allocation fails, nothing is lost or left over.
#include <array>

#include "debug/kernel_test.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "sched/rcu.h"
#include "sockets/socket.h"
#include "vfs/file_ops.h"

namespace cairn {

namespace {

constexpr uint64_t kMessage = 40'000;  // bytes: of many pieces, each with a frame of its own
constexpr uint32_t kFiles = 200;       // whose list has a frame, too
constexpr unsigned kMostPairs = 50;  // so many that every size of the heap's objects needs a frame
constexpr unsigned kMostFailures = 100;

uint8_t content[kMessage], received[kMessage];

struct Pair {
  RefPtr<File> ends[2];

  Result<void> make() {
    for (RefPtr<File>& end : ends) {
      end = TRY(open_socket(new_object<Socket>(SocketType::kPackets, SenderIds{}),
                            open_flag::kNonBlocking));
    }
    Socket::join(socket(0), socket(1));
    return {};
  }
  Socket& socket(int end) { return *Socket::find(*ends[end]); }
  /// From the first to the second, with so many times `file`.
  Result<uint64_t> send(uint64_t size, uint32_t files, const RefPtr<File>& file) {
    Sent along;
    if (files != 0) TRY(along.files.start(files));
    while (files-- != 0) along.files.add(file);
    IoBuffer buffer = IoBuffer::kernel(static_cast<const void*>(content), size);
    return socket(0).send(buffer, along, nullptr, false);
  }
  Result<uint64_t> receive(uint32_t flags, Received& along) {
    IoBuffer buffer = IoBuffer::kernel(static_cast<void*>(received), sizeof(received));
    return socket(1).receive(buffer, flags, false, along);
  }
};

size_t heap_bytes() {
  rcu_barrier();  // inodes go after their readers
  return heap_bytes_in_use();
}

}  // namespace

KERNEL_TEST(a_message_without_memory_is_not_sent) {
  for (uint64_t i = 0; i < kMessage; i++) content[i] = uint8_t(i * 7 + (i >> 8));
  Pair pair, other;
  EXPECT(pair.make().ok() && other.make().ok());
  if (test.failed() != nullptr) return;
  const size_t before = heap_bytes();
  unsigned failing = 0;
  while (++failing < kMostFailures) {
    fail_frame_allocation(failing);
    auto sent = pair.send(kMessage, kFiles, other.ends[0]);
    fail_frame_allocation(0);
    if (sent.ok()) break;
    EXPECT(sent.error() == Errno::kENOMEM);
    Received none;
    EXPECT(pair.receive(0, none).error() == Errno::kEAGAIN && !none.any);
    EXPECT(heap_bytes() == before);
  }
  EXPECT(failing > kMessage / kPageSize && failing < kMostFailures);
  // Who looks at a message when there is no memory for its list of files may look again.
  Received failed, peeked, got;
  fail_frame_allocation(1);
  EXPECT(pair.receive(message_flag::kPeek, failed).error() == Errno::kENOMEM);
  fail_frame_allocation(0);
  EXPECT(pair.receive(message_flag::kPeek, peeked).ok() && peeked.files.all().size() == kFiles);
  auto count = pair.receive(0, got);
  EXPECT(count.ok() && *count == kMessage && memcmp(content, received, kMessage) == 0);
  EXPECT(got.files.all().size() == kFiles &&
         got.files.all()[kFiles - 1].get() == other.ends[0].get());
  got = {};
  peeked = {};
  EXPECT(heap_bytes() == before);
  // The files in messages that were not sent, and in the one that was, have been let go: their socket isn't in flight.
  other.ends[0] = nullptr;
  Received end;
  auto ended = other.receive(0, end);
  EXPECT(ended.ok() && *ended == 0);
}

KERNEL_TEST(sockets_without_memory_are_not_made) {
  using Pairs = std::array<Pair, kMostPairs>;
  auto* pairs = new_object<Pairs>();
  EXPECT(pairs != nullptr);
  if (pairs == nullptr) return;
  const size_t before = heap_bytes();
  unsigned failures = 0;
  for (unsigned failing = 1; failing < kMostFailures; failing++) {
    fail_frame_allocation(failing);
    Errno error = Errno::kOk;
    for (unsigned i = 0; i < kMostPairs && error == Errno::kOk; i++) {
      Pair& pair = (*pairs)[i];
      error = pair.make().error();
      if (error == Errno::kOk) error = pair.send(1, 1, pair.ends[0]).error();
    }
    fail_frame_allocation(0);
    EXPECT(error == Errno::kOk || error == Errno::kENOMEM);
    for (Pair& pair : *pairs) pair = {};
    EXPECT(heap_bytes() == before);
    if (error == Errno::kOk) break;
    failures++;
  }
  delete pairs;
  EXPECT(failures > 10 && failures < kMostFailures - 1);
}

}  // namespace cairn
