#include "ext2/block_writer.h"

#include <bit>

#include "arch/layout.h"

namespace cairn::ext2 {

namespace {

/// Whether the request can take another block from `memory`.
bool has_room(const BlockRequest& request, PhysAddr memory) {
  if (request.segment_count < kMaxBlockSegments) return true;
  const BlockSegment& last = request.segments[request.segment_count - 1];
  return last.address + last.size == memory;
}

}  // namespace

void BlockWriter::on_done(BlockRequest& request, Errno result) {
  auto& writer = *static_cast<BlockWriter*>(request.context);
  IrqGuard guard(writer.lock_);
  writer.busy_ &= ~(1u << unsigned(&request - writer.requests_));
  if (result != Errno::kOk && writer.error_ == Errno::kOk) writer.error_ = result;
  writer.queue_.wake_all();
}

void BlockWriter::submit() {
  {
    IrqGuard guard(lock_);
    busy_ |= 1u << unsigned(filling_ - requests_);
  }
  device_.submit(*std::exchange(filling_, nullptr));
}

void BlockWriter::add(BlockNumber number, uint8_t* memory) {
  PhysAddr address = physical_of(memory);
  if (filling_ != nullptr && (number.value != next_number_ || !has_room(*filling_, address))) {
    submit();
  }
  if (filling_ == nullptr) {
    unsigned slot = 0;
    queue_.wait_until([this, &slot] {
      IrqGuard guard(lock_);
      slot = unsigned(std::countr_one(busy_));
      return slot < kRequests;
    });
    filling_ = &requests_[slot];
    filling_->operation = BlockOperation::kWrite;
    filling_->first = SectorNumber(number.value * (block_size_ / kSectorSize));
    filling_->segment_count = 0;
    filling_->done = on_done;
    filling_->context = this;
  }
  filling_->add_segment(address, block_size_);
  next_number_ = number.value + 1;
}

Result<void> BlockWriter::finish() {
  if (filling_ != nullptr) submit();
  queue_.wait_until([this] {
    IrqGuard guard(lock_);
    return busy_ == 0;
  });
  IrqGuard guard(lock_);
  Errno error = std::exchange(error_, Errno::kOk);
  if (error != Errno::kOk) return error;
  return {};
}

}  // namespace cairn::ext2
