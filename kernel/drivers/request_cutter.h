// Cuts a request into the pieces that a device takes at once: so many pieces of memory, each so large.
#pragma once

#include "block/block_device.h"

namespace cairn {

struct RequestLimits {
  uint32_t segments;      // in one piece, 1 … kMaxBlockSegments
  uint32_t segment_size;  // bytes, a multiple of kSectorSize
};

class RequestCutter {
 public:
  /// The request must stay unchanged meanwhile.
  RequestCutter(const BlockRequest& request, const RequestLimits& limits)
      : request_(request), limits_(limits), sector_(request.disk_first) {}

  struct Piece {
    SectorNumber first{};  // on the disk
    uint32_t segment_count = 0;
    uint64_t size = 0;  // bytes
    BlockSegment segments[kMaxBlockSegments];
  };

  /// Cuts off the next piece; at_end() then tells whether it was the last. A flush is one piece
  /// without segments.
  void next(Piece& piece) {
    piece.first = sector_;
    piece.segment_count = 0;
    piece.size = 0;
    while (!at_end() && piece.segment_count < limits_.segments) {
      const BlockSegment& whole = request_.segments[segment_];
      uint32_t left = whole.size - offset_;
      uint32_t size = left < limits_.segment_size ? left : limits_.segment_size;
      piece.segments[piece.segment_count++] = {whole.address + offset_, size};
      piece.size += size;
      offset_ += size;
      if (offset_ == whole.size) {
        segment_++;
        offset_ = 0;
      }
    }
    sector_ += piece.size / kSectorSize;
  }
  bool at_end() const { return segment_ == request_.segment_count; }

 private:
  const BlockRequest& request_;
  const RequestLimits& limits_;
  SectorNumber sector_;
  uint32_t segment_ = 0;
  uint32_t offset_ = 0;  // bytes of that segment that are done
};

}  // namespace cairn
