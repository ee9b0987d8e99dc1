// syslog: the kernel's log for programs, as dmesg reads it.
// Source: Linux, syslog(2).
#include "address_space/user_copy.h"
#include "debug/log.h"
#include "memory/heap.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

enum Action : uint64_t {
  kClose = 0,
  kOpen = 1,
  kRead = 2,
  kReadAll = 3,
  kReadClear = 4,
  kClear = 5,
  kConsoleOff = 6,
  kConsoleOn = 7,
  kConsoleLevel = 8,
  kSizeUnread = 9,
  kSizeBuffer = 10,
};

/// The last of the log's lines that fit into `size` bytes.
std::string_view last_lines(std::string_view text, uint64_t size) {
  if (text.size() <= size) return text;
  text.remove_prefix(text.size() - size - 1);
  size_t end = text.find('\n');
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

Result<uint64_t> read_log(VirtAddr to, int64_t size) {
  if (to.value == 0 || size < 0) return Errno::kEINVAL;
  char* room = static_cast<char*>(heap_allocate(kLogRingSize));
  if (room == nullptr) return Errno::kENOMEM;
  BufferWriter out({room, kLogRingSize});
  print_log_with_levels(out);
  std::string_view lines = last_lines(out.text(), uint64_t(size));
  auto copied = copy_to_user(to, lines.data(), lines.size());
  heap_free(room);
  if (!copied.ok()) return copied.error();
  return lines.size();
}

/// Lines of a priority below `level` are shown: 4 shows errors alone, 8 everything.
Result<uint64_t> set_level(int64_t level) {
  if (level < 1 || level > 8) return Errno::kEINVAL;
  set_console_level(level >= 8   ? LogLevel::kDebug
                    : level >= 7 ? LogLevel::kInfo
                    : level >= 5 ? LogLevel::kWarning
                                 : LogLevel::kError);
  return 0;
}

/// Reading lines as they come, and a console that is off, there isn't.
Result<uint64_t> syslog(uint64_t action, VirtAddr buffer, int64_t size) {
  bool for_all = action == kReadAll || action == kSizeBuffer;
  if (!for_all && !current_process()->ids.is_superuser()) return Errno::kEPERM;
  switch (action) {
    case kClose:
    case kOpen: return 0;
    case kReadAll: return read_log(buffer, size);
    case kReadClear: {
      uint64_t count = TRY(read_log(buffer, size));
      clear_log();
      return count;
    }
    case kClear: clear_log(); return 0;
    case kConsoleLevel: return set_level(size);
    case kSizeBuffer: return kLogRingSize;
    case kRead:
    case kSizeUnread:
    case kConsoleOff:
    case kConsoleOn: return Errno::kENOSYS;
    default: return Errno::kEINVAL;
  }
}

}  // namespace

int64_t sys_syslog(TrapFrame& call) {
  auto done = syslog(argument0(call), VirtAddr(argument1(call)), int32_t(argument2(call)));
  return done.ok() ? int64_t(*done) : failure(done.error());
}

}  // namespace cairn
