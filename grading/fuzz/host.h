// The host's side of tests that run parts of the kernel as a program.
#pragma once

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
  uint64_t writes() const { return writes_; }

 private:
  void start(BlockRequest& request) override;

  uint8_t* bytes_;
  uint64_t fail_after_ = 0;
  uint64_t writes_ = 0;
};

}  // namespace cairn
