// Editing a line on a serial terminal: arrows, Home and End, erase, history.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/format.h"

namespace cairn {

class LineEditor {
 public:
  using ReadByte = char (*)();
  constexpr LineEditor(ReadByte read_byte) : read_byte_(read_byte) {}

  /// Shows the prompt and returns the line entered, without its end; valid until the next call.
  std::string_view read_line(std::string_view prompt, Writer& out);

 private:
  static constexpr size_t kMaxLine = 250;
  static constexpr size_t kHistory = 16;

  struct Line {
    char text[kMaxLine + 1] = {};
    size_t length = 0;
  };

  bool handle(char c, Writer& out);
  void handle_escape(Writer& out);
  void insert(char c, Writer& out);
  void erase_before(Writer& out);
  void erase_at(Writer& out);
  void move_to(size_t position, Writer& out);
  void replace(const Line& line, Writer& out);
  void redraw_tail(Writer& out);
  void recall(int direction, Writer& out);
  void remember();

  ReadByte read_byte_;
  Line line_;
  size_t cursor_ = 0;
  Line history_[kHistory];
  size_t history_count_ = 0;  // lines ever remembered
  size_t recalled_ = 0;       // 0: the line being entered; n: the n-th last
  Line entered_;              // kept while the history is looked at
};

}  // namespace cairn
