#include "debug/log.h"

#include <atomic>

#include "arch/early_serial.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

constexpr size_t kRingSize = 32 * 1024;  // bytes; the oldest are overwritten

constinit Spinlock ring_lock{"log", LockRank::kLog};
constinit char ring[kRingSize] GUARDED_BY(ring_lock) = {};
constinit uint64_t ring_written GUARDED_BY(ring_lock) = 0;  // bytes ever

constinit std::atomic<LogLevel> shown_level{LogLevel::kInfo};
constinit std::atomic<LogSink> log_sink{early_serial_write};
constinit std::atomic<LogClock> log_clock{nullptr};

const char* level_name(LogLevel level) {
  constexpr const char* kNames[] = {"error", "warn ", "info ", "debug"};
  return kNames[size_t(level)];
}

void keep(std::string_view line) REQUIRES(ring_lock) {
  for (char c : line) ring[ring_written++ % kRingSize] = c;
}

}  // namespace

void log_line(LogLevel level, const char* subsystem, std::string_view text) {
  LogClock clock = log_clock;
  uint64_t microseconds = clock != nullptr ? clock() / 1000 : 0;
  char buffer[256];
  BufferWriter line(buffer);
  print(line, "[{:5}.{:06}] {} {}: {}", microseconds / 1'000'000, microseconds % 1'000'000,
        level_name(level), subsystem, text.substr(0, 200));
  line.write("\n");
  {
    IrqGuard guard(ring_lock);
    keep(line.text());
  }
  if (level <= shown_level.load()) log_sink.load()(line.text());
}

void set_console_level(LogLevel level) { shown_level = level; }
LogLevel console_level() { return shown_level; }
void set_log_sink(LogSink sink) { log_sink = sink; }
void set_log_clock(LogClock clock) { log_clock = clock; }

void print_log(Writer& out) {
  uint64_t end;
  {
    IrqGuard guard(ring_lock);
    end = ring_written;
  }
  // Copied in pieces, so that a slow reader holds the lock only briefly. What is overwritten
  // meanwhile is skipped.
  uint64_t at = end > kRingSize ? end - kRingSize : 0;
  while (at < end) {
    char piece[128];
    size_t count = 0;
    {
      IrqGuard guard(ring_lock);
      if (ring_written > kRingSize && at < ring_written - kRingSize) at = ring_written - kRingSize;
      while (count < sizeof(piece) && at < end) piece[count++] = ring[at++ % kRingSize];
    }
    out.write({piece, count});
  }
}

}  // namespace cairn
