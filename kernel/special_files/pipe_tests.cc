#include <algorithm>
#include <array>

#include "debug/kernel_test.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "sched/scheduler.h"
#include "sched/test_waits.h"
#include "special_files/pipe.h"
#include "vfs/file_ops.h"

namespace cairn {

extern Counter switch_count;  // sched/scheduler.cc

namespace {

Errno write_bytes(File& file, const void* bytes, uint64_t count, uint64_t& written) {
  IoBuffer buffer = IoBuffer::kernel(bytes, count);
  auto result = write_pipe(file, buffer);
  written = result.ok() ? *result : 0;
  return result.error();
}
Errno read_bytes(File& file, void* bytes, uint64_t count, uint64_t& got) {
  IoBuffer buffer = IoBuffer::kernel(bytes, count);
  auto result = read_pipe(file, buffer);
  got = result.ok() ? *result : 0;
  return result.error();
}

/// Byte `i` of a stream that both ends know.
uint8_t stream_byte(uint64_t i) { return uint8_t(i * 7 + (i >> 8)); }

struct Pump {
  static constexpr uint64_t kTotal = 600'000;  // bytes: many times around the ring
  RefPtr<File> end;
  std::atomic<bool> done{false};
  WaitQueue finished{"test"};
  std::array<uint8_t, 3000> piece{};
};

void pump_out(void* argument) {
  auto& pump = *static_cast<Pump*>(argument);
  for (uint64_t at = 0; at < Pump::kTotal;) {
    uint64_t count = std::min<uint64_t>(pump.piece.size() - at % 777, Pump::kTotal - at);
    for (uint64_t i = 0; i < count; i++) pump.piece[i] = stream_byte(at + i);
    uint64_t written;
    if (write_bytes(*pump.end, pump.piece.data(), count, written) != Errno::kOk) break;
    at += written;
  }
  pump.end = nullptr;
  pump.done = true;
  pump.finished.wake_all();
  exit_thread();
}

}  // namespace

KERNEL_TEST(pipe_ends_and_errors) {
  auto made = create_pipe(open_flag::kNonBlocking);
  EXPECT(made.ok());
  if (!made.ok()) return;
  PipeEnds ends = made.take();
  char bytes[8] = {};
  uint64_t count;
  EXPECT(read_bytes(*ends.read_end, bytes, 8, count) == Errno::kEAGAIN);
  EXPECT(write_bytes(*ends.write_end, "hello", 5, count) == Errno::kOk && count == 5);
  EXPECT(poll_pipe(*ends.read_end, nullptr) == kPollIn);
  EXPECT(read_bytes(*ends.read_end, bytes, 8, count) == Errno::kOk && count == 5);
  EXPECT(std::string_view(bytes, 5) == "hello");
  EXPECT(write_bytes(*ends.write_end, "last", 4, count) == Errno::kOk);
  ends.write_end = nullptr;
  EXPECT(poll_pipe(*ends.read_end, nullptr) == (kPollIn | kPollHangUp));
  EXPECT(read_bytes(*ends.read_end, bytes, 8, count) == Errno::kOk && count == 4);
  EXPECT(read_bytes(*ends.read_end, bytes, 8, count) == Errno::kOk && count == 0);

  auto other = create_pipe(open_flag::kNonBlocking);
  EXPECT(other.ok());
  if (!other.ok()) return;
  other->read_end = nullptr;
  EXPECT(poll_pipe(*other->write_end, nullptr) == (kPollOut | kPollError));
  EXPECT(write_bytes(*other->write_end, "x", 1, count) == Errno::kEPIPE);
}

/// Reads messages until the end.
void read_messages(void* argument) {
  auto& pump = *static_cast<Pump*>(argument);
  uint64_t got;
  while (read_bytes(*pump.end, pump.piece.data(), 512, got) == Errno::kOk && got != 0) continue;
  pump.end = nullptr;
  pump.done = true;
  pump.finished.wake_all();
  exit_thread();
}

KERNEL_TEST(pipe_messages_dont_each_switch_to_the_reader) {
  auto made = create_pipe(0);
  EXPECT(made.ok());
  if (!made.ok()) return;
  PipeEnds ends = made.take();
  Pump pump;
  pump.end = std::move(ends.read_end);
  auto thread = create_thread("messages", read_messages, &pump);
  EXPECT(thread.ok());
  if (!thread.ok()) return;
  make_ready(**thread);
  let_others_run();
  uint64_t before = switch_count.value();
  char message[512] = {};
  uint64_t count;
  for (unsigned i = 0; i < 64; i++) {
    EXPECT(write_bytes(*ends.write_end, message, sizeof(message), count) == Errno::kOk);
  }
  EXPECT(switch_count.value() - before < 32);
  ends.write_end = nullptr;
  pump.finished.wait_until([&pump] { return pump.done.load(); });
}

KERNEL_TEST(pipe_small_writes_are_whole) {
  auto made = create_pipe(open_flag::kNonBlocking);
  auto* page = static_cast<uint8_t*>(heap_allocate(kPageSize));
  EXPECT(made.ok() && page != nullptr);
  if (made.ok() && page != nullptr) {
    std::fill_n(page, kPageSize, uint8_t(1));
    uint64_t count, total = 0;
    while (write_bytes(*made->write_end, page, 4095, count) == Errno::kOk) total += count;
    EXPECT(total == 16 * 4095);  // 16 bytes are free, and one more write isn't cut to fit
    EXPECT(write_bytes(*made->write_end, page, 17, count) == Errno::kEAGAIN);
    EXPECT(write_bytes(*made->write_end, page, 16, count) == Errno::kOk && count == 16);
    EXPECT(poll_pipe(*made->write_end, nullptr) == 0);
    EXPECT(read_bytes(*made->read_end, page, 4095, count) == Errno::kOk && count == 4095);
    EXPECT(poll_pipe(*made->write_end, nullptr) == 0);  // one byte short of a whole write
    EXPECT(read_bytes(*made->read_end, page, 1, count) == Errno::kOk);
    EXPECT(poll_pipe(*made->write_end, nullptr) == kPollOut);
  }
  heap_free(page);
}

KERNEL_TEST(pipe_carries_a_stream_between_threads) {
  auto made = create_pipe(0);
  auto* pump = new_object<Pump>();
  EXPECT(made.ok() && pump != nullptr);
  if (!made.ok() || pump == nullptr) return delete pump;
  RefPtr<File> read_end = std::move(made->read_end);
  pump->end = std::move(made->write_end);
  auto thread = create_thread("pipe test", pump_out, pump);
  EXPECT(thread.ok());
  if (!thread.ok()) return delete pump;
  make_ready(**thread);
  uint8_t piece[501];
  uint64_t at = 0, wrong = 0, count;
  while (read_bytes(*read_end, piece, 1 + at % sizeof(piece), count) == Errno::kOk && count != 0) {
    for (uint64_t i = 0; i < count; i++) wrong += piece[i] != stream_byte(at + i) ? 1 : 0;
    at += count;
  }
  EXPECT(at == Pump::kTotal);
  EXPECT(wrong == 0);
  pump->finished.wait_until([pump] { return pump->done.load(); });
  delete pump;
}

}  // namespace cairn
