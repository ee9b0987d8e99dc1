// Memory that a read fills or a write empties: a process's, reached through user copies, in one piece or
// in many; or the kernel's own (monitor, file systems). Bytes are taken in order; what is left shrinks.
#pragma once

#include <cstdint>
#include <span>

#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

/// A piece of a process's memory: Linux's struct iovec.
struct IoPiece {
  uint64_t start, size;  // bytes
};

class IoBuffer {
 public:
  static IoBuffer user(VirtAddr start, uint64_t size) { return {start.value, size, true}; }
  /// One transfer to or from all of them in order, `total` bytes. They stay as long as this is used.
  static IoBuffer user(std::span<const IoPiece> pieces, uint64_t total) {
    IoBuffer buffer{0, 0, true};
    buffer.next_ = pieces.data();
    buffer.left_ = total;
    return buffer;
  }
  static IoBuffer kernel(void* start, uint64_t size) {
    return {reinterpret_cast<uint64_t>(start), size, false};
  }
  /// For writes only.
  static IoBuffer kernel(const void* start, uint64_t size) {
    return kernel(const_cast<void*>(start), size);
  }

  uint64_t left() const { return left_; }  // bytes
  /// At most `size` bytes from now on.
  void limit(uint64_t size) { left_ = size < left_ ? size : left_; }
  /// Goes on after `count` <= left() bytes that were moved through a copy of this object.
  void skip(uint64_t count) {
    for_each_piece(count, [](uint64_t, uint64_t piece) { return piece; });
  }

  // These move `count` <= left() bytes and go on after them. EFAULT, with the buffer not moved.
  // User memory may fault: they may sleep, so no spinlock is held.
  Result<void> put(const void* from, uint64_t count);  // into the buffer: a file's bytes read
  Result<void> take(void* to, uint64_t count);         // out of it: bytes to be written
  Result<void> put_zeros(uint64_t count);
  // The same as far as the memory goes: bytes moved, less than `count` where it can't be accessed.
  // The buffer goes on after them.
  uint64_t put_some(const void* from, uint64_t count);
  uint64_t take_some(void* to, uint64_t count);
  /// Touches the next `count` bytes so that a take() of them most likely won't fault. EFAULT.
  Result<void> touch(uint64_t count);
  /// The same memory, of which take_some() takes only what is present, without faults: for callers that
  /// hold a lock which a fault may need. Who gets nothing lets go, touches the next byte, and tries again.
  IoBuffer without_faults() const {
    IoBuffer buffer = *this;
    buffer.only_present_ = true;
    return buffer;
  }

 private:
  IoBuffer(uint64_t start, uint64_t size, bool is_user)
      : at_(start), here_(size), left_(size), is_user_(is_user) {}

  /// Does `move(done, count)`, which tells how many bytes it moved, for what the next `count` <= left()
  /// bytes have of each piece, from at_ on, and goes on after what was moved. All that was.
  template <class Move>
  uint64_t for_each_piece(uint64_t count, Move move) {
    uint64_t done = 0;
    while (done < count) {
      while (here_ == 0) {
        at_ = next_->start;
        here_ = next_->size;
        next_++;
      }
      uint64_t wanted = here_ < count - done ? here_ : count - done;
      uint64_t moved = move(done, wanted);
      at_ += moved;
      here_ -= moved;
      left_ -= moved;
      done += moved;
      if (moved < wanted) break;
    }
    return done;
  }

  uint64_t at_;
  uint64_t here_;                  // bytes from at_ on in this piece
  const IoPiece* next_ = nullptr;  // the pieces behind it
  uint64_t left_;                  // in all
  bool is_user_;
  bool only_present_ = false;
};

}  // namespace cairn
