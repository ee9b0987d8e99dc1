// The host's side of tests that run parts of the kernel as a program.
#pragma once

#include <cstdio>

#include "block/block_device.h"
#include "sched/wait_queue.h"

namespace cairn {

void start_memory();
/// The n-th allocation from now fails. 0: none.
void fail_allocation(uint64_t n);

/// A block device that is a piece of memory. Requests end within submit(); where threads run, whenever serve()'s
/// gets to them.
class HostDisk final : public BlockDevice {
 public:
  HostDisk(uint8_t* bytes, uint64_t size, const char* name = "host");
  HostDisk* next() const { return next_; }
  /// Has a thread of its own work on requests, in no order.
  void serve();
  /// The n-th request from now fails. 0: none.
  void fail_after(uint64_t n) { fail_after_ = n; }
  /// Writes to a file of this name what the disk holds now, then each write to it: the 8-byte numbers
  /// of its first sector and of its bytes, and these.
  void log_writes(const char* name);

 private:
  void start(BlockRequest& request) override;

  void carry_out(BlockRequest& request);
  void log_write(uint64_t first, uint64_t size);

  List<BlockRequest, &BlockRequest::link> waiting_;
  WaitQueue work_{"work for the disk"};
  uint8_t* bytes_;
  uint64_t fail_after_ = 0;
  FILE* log_ = nullptr;
  HostDisk* next_;
};

}  // namespace cairn
