#include "tty/input_queue.h"

namespace cairn {

bool InputQueue::put(uint8_t byte) {
  ring_[typed_ % kSize] = byte;
  ends_.set(int(typed_ % kSize), false);
  files_.set(int(typed_ % kSize), false);
  typed_++;
  return true;
}

bool InputQueue::end_line(uint8_t byte) {
  if (size() == kSize) return false;
  put(byte);
  ends_.set(int((typed_ - 1) % kSize), true);
  lines_ = typed_;
  return true;
}

bool InputQueue::end_file() {
  if (!end_line(0)) return false;
  files_.set(int((typed_ - 1) % kSize), true);
  return true;
}

size_t InputQueue::read_line(std::span<char> buffer, bool& ended) {
  size_t count = 0;
  ended = false;
  while (!ended && read_ != lines_) {
    // The end of a file takes no room in the buffer, so it goes with the bytes that stand before it.
    const bool is_file = files_.has(int(read_ % kSize));
    if (count == buffer.size() && !is_file) break;
    if (!is_file) buffer[count++] = char(ring_[read_ % kSize]);
    ended = is_end(read_++);
  }
  return count;
}

size_t InputQueue::read_raw(std::span<char> buffer) {
  size_t count = 0;
  for (; count < buffer.size() && read_ != typed_; read_++) {
    buffer[count++] = char(ring_[read_ % kSize]);
  }
  lines_ = read_;
  return count;
}

void InputQueue::start_lines() {
  if (read_ == typed_) return clear();
  for (uint64_t at = read_; at + 1 < typed_; at++) {
    ends_.set(int(at % kSize), false);
    files_.set(int(at % kSize), false);
  }
  ends_.set(int((typed_ - 1) % kSize), true);
  lines_ = typed_;
}

void InputQueue::stop_lines() { lines_ = read_; }

}  // namespace cairn
