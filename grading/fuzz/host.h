// The host's side of tests that run parts of the kernel as a program.
#pragma once

#include <cstdio>

#include "block/block_device.h"

namespace cairn {

void start_memory();
/// The n-th allocation from now fails. 0: none.
void fail_allocation(uint64_t n);

/// A block device that is a piece of memory. Requests end within submit().
class HostDisk final : public BlockDevice {
 public:
  HostDisk(uint8_t* bytes, uint64_t size);
  /// The n-th request from now fails. 0: none.
  void fail_after(uint64_t n) { fail_after_ = n; }
  /// Writes to a file of this name what the disk holds now, then each write to it: the 8-byte numbers
  /// of its first sector and of its bytes, and these.
  void log_writes(const char* name);

 private:
  void start(BlockRequest& request) override;

  void log_write(uint64_t first, uint64_t size);

  uint8_t* bytes_;
  uint64_t fail_after_ = 0;
  FILE* log_ = nullptr;
};

}  // namespace cairn
