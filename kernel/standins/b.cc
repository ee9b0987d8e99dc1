// The stand-in for lab B: the console is the only file, open as 0, 1 and 2.
#include <algorithm>

#include "address_space/user_copy.h"
#include "syscalls/arguments.h"
#include "syscalls/console_calls.h"
#include "syscalls/mapped_object.h"
#include "syscalls/table.h"
#include "tty/console.h"
#include "tty/tty.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr uint64_t kMaxTransfer = 0x7ffff000;  // bytes, as on Linux

bool is_console(uint64_t fd) { return uint32_t(fd) <= 2; }

/// Writes user memory to the console; returns bytes written, or the error if none were.
int64_t write_user_memory(VirtAddr from, uint64_t count) {
  IoBuffer buffer = IoBuffer::user(from, std::min(count, kMaxTransfer));
  auto written = console_tty.write(buffer, true, console_tty.connection());
  return written.ok() ? int64_t(*written) : failure(written.error());
}

}  // namespace

// Saying that a file was mapped would lose data.
[[gnu::weak]] Result<void> show_file(RegionRequest&, uint64_t, uint64_t) { return Errno::kENOSYS; }
[[gnu::weak]] Result<void> show_shared_memory(RegionRequest&) { return Errno::kENOSYS; }

// Processes have no files of their own.
[[gnu::weak]] Result<ProcessFiles*> create_process_files() {
  return static_cast<ProcessFiles*>(nullptr);
}
[[gnu::weak]] Result<ProcessFiles*> copy_process_files(ProcessFiles*) {
  return static_cast<ProcessFiles*>(nullptr);
}
[[gnu::weak]] void release_process_files(ProcessFiles*) {}

int64_t console_write(TrapFrame& call) {
  if (!is_console(argument0(call))) return failure(Errno::kEBADF);
  return write_user_memory(VirtAddr(argument1(call)), argument2(call));
}

int64_t console_writev(TrapFrame& call) {
  struct Vector {
    uint64_t base, length;
  };
  constexpr uint64_t kMaxVectors = 1024;
  if (!is_console(argument0(call))) return failure(Errno::kEBADF);
  uint64_t count = argument2(call);
  if (count > kMaxVectors) return failure(Errno::kEINVAL);
  int64_t done = 0;
  for (uint64_t i = 0; i < count; i++) {
    auto vector = read_user<Vector>(VirtAddr(argument1(call)) + i * sizeof(Vector));
    if (!vector.ok()) return done != 0 ? done : failure(vector.error());
    if (vector->length == 0) continue;
    int64_t written = write_user_memory(VirtAddr(vector->base), vector->length);
    if (written < 0) return done != 0 ? done : written;
    done += written;
    if (uint64_t(written) < vector->length) return done;
  }
  return done;
}

/// A line at a time, as a terminal gives it. 0 at end of input (^D).
int64_t console_read(TrapFrame& call) {
  if (!is_console(argument0(call))) return failure(Errno::kEBADF);
  VirtAddr to(argument1(call));
  uint64_t count = std::min(argument2(call), kMaxTransfer);
  if (!is_user_range(to, count)) return failure(Errno::kEFAULT);
  if (count == 0) return 0;
  IoBuffer buffer = IoBuffer::user(to, count);
  auto length = console_tty.read(buffer, true, console_tty.connection());
  return length.ok() ? int64_t(*length) : failure(length.error());
}

[[gnu::weak]] int64_t sys_read(TrapFrame& call) { return console_read(call); }
[[gnu::weak]] int64_t sys_write(TrapFrame& call) { return console_write(call); }
[[gnu::weak]] int64_t sys_writev(TrapFrame& call) { return console_writev(call); }

}  // namespace cairn
