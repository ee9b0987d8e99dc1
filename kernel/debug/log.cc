#include "debug/log.h"

#include <algorithm>
#include <atomic>

#include "arch/early_serial.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

constexpr size_t kLevelLength = 3;  // of "<6>", with which each line in the ring begins

constinit Spinlock ring_lock{"log", LockRank::kLog};
constinit char ring[kLogRingSize] GUARDED_BY(ring_lock) = {};
constinit uint64_t ring_written GUARDED_BY(ring_lock) = 0;  // bytes ever
constinit uint64_t ring_cleared GUARDED_BY(ring_lock) = 0;  // of these, by clear_log()

constinit std::atomic<LogLevel> shown_level{LogLevel::kInfo};
constinit std::atomic<LogSink> log_sink{early_serial_write};
constinit std::atomic<LogClock> log_clock{nullptr};

const char* level_name(LogLevel level) {
  constexpr const char* kNames[] = {"error", "warn ", "info ", "debug"};
  return kNames[size_t(level)];
}

/// Source: Linux, syslog(2), "The loglevel".
unsigned priority(LogLevel level) {
  constexpr unsigned kPriorities[] = {3, 4, 6, 7};
  return kPriorities[size_t(level)];
}

void keep(std::string_view line) REQUIRES(ring_lock) {
  for (char c : line) ring[ring_written++ % kLogRingSize] = c;
}

}  // namespace

void log_line(LogLevel level, const char* subsystem, std::string_view text) {
  LogClock clock = log_clock;
  uint64_t microseconds = clock != nullptr ? clock() / 1000 : 0;
  char buffer[256];
  BufferWriter line(buffer);
  print(line, "<{}>[{:5}.{:06}] {} {}: {}", priority(level), microseconds / 1'000'000,
        microseconds % 1'000'000, level_name(level), subsystem, text.substr(0, 200));
  line.write("\n");
  {
    IrqGuard guard(ring_lock);
    keep(line.text());
  }
  if (level <= shown_level.load()) log_sink.load()(line.text().substr(kLevelLength));
}

void set_console_level(LogLevel level) { shown_level = level; }
LogLevel console_level() { return shown_level; }
void set_log_sink(LogSink sink) { log_sink = sink; }
void set_log_clock(LogClock clock) { log_clock = clock; }

void clear_log() {
  IrqGuard guard(ring_lock);
  ring_cleared = ring_written;
}

namespace {

/// Leaves out what a line of the ring begins with, and the rest of a line whose beginning was overwritten.
class LinesWriter final : public Writer {
 public:
  LinesWriter(Writer& out, bool levels, bool begins_with_line)
      : out_(out), levels_(levels), is_whole_(begins_with_line) {}
  void write(std::string_view text) override {
    while (!text.empty()) {
      size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      write_part(text.substr(0, end));
      text.remove_prefix(end);
    }
  }

 private:
  void write_part(std::string_view part) {
    size_t level = levels_ || column_ >= kLevelLength ? 0 : kLevelLength - column_;
    if (is_whole_ && level < part.size()) out_.write(part.substr(level));
    bool ends = part.back() == '\n';
    column_ = ends ? 0 : column_ + part.size();
    is_whole_ |= ends;
  }

  Writer& out_;
  bool levels_, is_whole_;
  size_t column_ = 0;
};

/// Copied in pieces, so that a slow reader holds the lock only briefly. What is overwritten meanwhile is skipped.
void copy_ring(uint64_t at, uint64_t end, Writer& out) {
  while (at < end) {
    char piece[128];
    size_t count = 0;
    {
      IrqGuard guard(ring_lock);
      if (ring_written > kLogRingSize && at < ring_written - kLogRingSize)
        at = ring_written - kLogRingSize;
      while (count < sizeof(piece) && at < end) piece[count++] = ring[at++ % kLogRingSize];
    }
    out.write({piece, count});
  }
}

void print_ring(Writer& out, bool levels) {
  uint64_t start, end;
  {
    IrqGuard guard(ring_lock);
    end = ring_written;
    start = levels ? ring_cleared : 0;
  }
  bool overwritten = end - start > kLogRingSize;
  LinesWriter lines(out, levels, !overwritten);
  copy_ring(overwritten ? end - kLogRingSize : start, end, lines);
}

}  // namespace

void print_log(Writer& out) { print_ring(out, false); }
void print_log_with_levels(Writer& out) { print_ring(out, true); }

}  // namespace cairn
