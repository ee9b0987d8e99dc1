#include "ext2/block_writer.h"

#include "arch/layout.h"

namespace cairn::ext2 {

void BlockWriter::submit_last() {
  if (used_ == 0) return;
  {
    IrqGuard guard(lock_);
    in_flight_++;
  }
  BlockRequest& request = requests_[used_ - 1];
  request.done = [](BlockRequest& request, Errno result) {
    auto& writer = *static_cast<BlockWriter*>(request.context);
    IrqGuard guard(writer.lock_);
    if (result != Errno::kOk) writer.failed_ = true;
    if (--writer.in_flight_ == 0) writer.queue_.wake_all();
  };
  request.context = this;
  device_.submit(request);
}

void BlockWriter::wait() {
  queue_.wait_until([this] {
    IrqGuard guard(lock_);
    return in_flight_ == 0;
  });
  used_ = 0;
}

void BlockWriter::add(BlockNumber number, uint8_t* memory) {
  const PhysAddr address = physical_of(memory);
  const bool follows = used_ != 0 && number.value == next_number_ &&
                       requests_[used_ - 1].segment_count < kMaxBlockSegments;
  if (!follows) {
    submit_last();
    if (used_ == kRequests) wait();
    BlockRequest& fresh = requests_[used_++];
    fresh.operation = BlockOperation::kWrite;
    fresh.first = SectorNumber(number.value * (block_size_ / kSectorSize));
    fresh.segment_count = 0;
  }
  requests_[used_ - 1].add_segment(address, block_size_);
  next_number_ = number.value + 1;
}

Result<void> BlockWriter::finish() {
  submit_last();
  wait();
  IrqGuard guard(lock_);
  return std::exchange(failed_, false) ? Errno::kEIO : Result<void>();
}

}  // namespace cairn::ext2
