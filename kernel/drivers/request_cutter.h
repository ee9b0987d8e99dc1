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

  /// A run of the request's segments, the first and the last perhaps in part.
  struct Piece {
    SectorNumber first{};        // on the disk
    uint32_t segment_count = 0;  // after cutting to the device's size
    uint64_t size = 0;           // bytes
    uint32_t start = 0;          // index of its first segment in the request
    uint32_t start_offset = 0;   // bytes of that one which belong to the piece before
  };

  /// Cuts off the next piece; at_end() then tells whether it was the last. A flush is one piece
  /// without segments.
  Piece next() {
    Piece piece{.first = sector_, .start = segment_, .start_offset = offset_};
    while (!at_end() && piece.segment_count < limits_.segments) {
      piece.segment_count++;
      piece.size += step();
    }
    sector_ += piece.size / kSectorSize;
    return piece;
  }
  /// Calls use(BlockSegment) for each of the piece's segments.
  template <class Use>
  void for_each_segment(const Piece& piece, Use use) const {
    RequestCutter at = *this;
    at.segment_ = piece.start;
    at.offset_ = piece.start_offset;
    for (uint32_t i = 0; i < piece.segment_count; i++) {
      PhysAddr address = request_.segments[at.segment_].address + at.offset_;
      use(BlockSegment{address, at.step()});
    }
  }
  bool at_end() const { return segment_ == request_.segment_count; }

 private:
  /// Goes on by one segment of the device's size; returns its size.
  uint32_t step() {
    uint32_t whole = request_.segments[segment_].size;
    uint32_t left = whole - offset_;
    uint32_t size = left < limits_.segment_size ? left : limits_.segment_size;
    offset_ += size;
    if (offset_ == whole) {
      segment_++;
      offset_ = 0;
    }
    return size;
  }

  const BlockRequest& request_;
  const RequestLimits& limits_;
  SectorNumber sector_;
  uint32_t segment_ = 0;
  uint32_t offset_ = 0;  // bytes of that segment that are done
};

}  // namespace cairn
