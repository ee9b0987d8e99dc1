// What a terminal's driver does to text on its way out (termios's output flags), and where the cursor stands after it.
// Source: Linux, termios(3), "c_oflag flag constants".
#pragma once

#include "lib/format.h"
#include "tty/termios.h"

namespace cairn {

class TerminalOutput {
 public:
  /// Writes `text` as the settings want it.
  void write(const Termios& settings, std::string_view text, Writer& out);
  /// The column in which the next character will stand, from 0 on.
  unsigned column() const { return column_; }

 private:
  void write_byte(const Termios& settings, char c, Writer& out);

  unsigned column_ = 0;
};

inline constexpr unsigned kTabWidth = 8;  // columns
constexpr unsigned after_tab(unsigned column) { return (column | (kTabWidth - 1)) + 1; }
/// The second and further bytes of a character in UTF-8.
constexpr bool continues_character(uint8_t byte) { return (byte & 0xc0) == 0x80; }
constexpr bool is_control(uint8_t byte) { return byte < 0x20 || byte == 0x7f; }

}  // namespace cairn
