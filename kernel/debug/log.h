// The kernel's log: a ring that `log` prints, and sinks (the console) for lines up to a level.
#pragma once

#include "lib/format.h"

namespace cairn {

enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };

/// Writes one line whose text is complete.
void log_line(LogLevel level, const char* subsystem, std::string_view text);

/// Writes one line: "[    0.123456] level subsystem: text". Callable anywhere but with the log's own
/// lock held; interrupts on or off.
template <class... T>
void log(LogLevel level, const char* subsystem, std::string_view format, const T&... values) {
  char text[200];
  BufferWriter out(text);
  print(out, format, values...);
  log_line(level, subsystem, out.text());
}

template <class... T>
void log_error(const char* subsystem, std::string_view format, const T&... values) {
  log(LogLevel::kError, subsystem, format, values...);
}
template <class... T>
void log_warning(const char* subsystem, std::string_view format, const T&... values) {
  log(LogLevel::kWarning, subsystem, format, values...);
}
template <class... T>
void log_info(const char* subsystem, std::string_view format, const T&... values) {
  log(LogLevel::kInfo, subsystem, format, values...);
}
template <class... T>
void log_debug(const char* subsystem, std::string_view format, const T&... values) {
  log(LogLevel::kDebug, subsystem, format, values...);
}

/// Lines up to this level reach the console; all lines up to debug are kept in the ring.
void set_console_level(LogLevel level);
LogLevel console_level();

/// Upward need: who shows lines. Before the UART driver it is the early serial port.
using LogSink = void (*)(std::string_view line);
void set_log_sink(LogSink sink);

/// Upward need: nanoseconds since boot, for the stamp; 0 before the clock runs.
using LogClock = uint64_t (*)();
void set_log_clock(LogClock clock);

inline constexpr size_t kLogRingSize = 32 * 1024;  // bytes; the oldest lines are overwritten

/// Copies the ring, oldest line first, to `out`.
void print_log(Writer& out);
/// The same of what came after the last clear_log(), each line after its level as syslog(2) has it: "<6>".
void print_log_with_levels(Writer& out);
/// What is in the ring is left out by print_log_with_levels() from now on.
void clear_log();

}  // namespace cairn
