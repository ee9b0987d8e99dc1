// What was typed at a terminal and not read yet: a ring of bytes, in which lines end at marked bytes.
//
//        read_           lines_             typed_
//   ──────┼────────────────┼──────────────────┼──────
//         │ complete lines │ the line that is │ room
//         │                │ being edited     │
//
// The positions only grow; a byte stands at its position modulo the ring's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/bit_set.h"

namespace cairn {

class InputQueue {
 public:
  static constexpr size_t kSize = 4096;  // bytes, as on Linux

  /// False if there is no room. The last byte of room is for a line's end.
  bool add(uint8_t byte) { return size() + 1 < kSize && put(byte); }
  /// Completes the line with `byte`. False if there is no room.
  bool end_line(uint8_t byte);
  /// Completes the line without a byte to read: the end of the file, if the line is empty.
  bool end_file();
  /// Takes back the last byte of the line that is being edited, which isn't empty.
  uint8_t erase_last() { return ring_[--typed_ % kSize]; }

  size_t size() const { return typed_ - read_; }
  size_t line_length() const { return typed_ - lines_; }  // of the line that is being edited
  uint8_t line_byte(size_t at) const { return ring_[(lines_ + at) % kSize]; }
  bool has_line() const { return lines_ != read_; }

  /// Bytes up to the end of a line, its end included, as many as fit; `ended` tells whether a line was finished.
  /// 0 and `ended`: the end of the file.
  size_t read_line(std::span<char> buffer, bool& ended);
  /// All bytes, whatever lines there are, as many as fit.
  size_t read_raw(std::span<char> buffer);

  /// From now on whole lines are read: what was typed till now counts as one.
  void start_lines();
  /// From now on bytes are read as they come.
  void stop_lines();
  void clear() { read_ = lines_ = typed_; }

 private:
  bool put(uint8_t byte);
  bool is_end(uint64_t at) const { return ends_.has(int(at % kSize)); }

  uint64_t read_ = 0, lines_ = 0, typed_ = 0;
  uint8_t ring_[kSize] = {};
  BitSet<int(kSize)> ends_;   // a line ends with this byte
  BitSet<int(kSize)> files_;  // and the byte itself isn't read
};

}  // namespace cairn
