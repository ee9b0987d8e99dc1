#include "tty/terminal_output.h"

namespace cairn {

void TerminalOutput::write(const Termios& settings, std::string_view text, Writer& out) {
  if (!settings.has_output(output_flag::kProcess)) return out.write(text);
  // What needs no change goes in one piece.
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); i++) {
    auto byte = uint8_t(text[i]);
    if (!is_control(byte) && !settings.has_output(output_flag::kLowerToUpper)) {
      if (!continues_character(byte) || !settings.has_input(input_flag::kUtf8)) column_++;
      continue;
    }
    out.write(text.substr(plain, i - plain));
    write_byte(settings, text[i], out);
    plain = i + 1;
  }
  out.write(text.substr(plain));
}

void TerminalOutput::write_byte(const Termios& settings, char c, Writer& out) {
  constexpr std::string_view kSpaces = "        ";
  std::string_view text(&c, 1);
  switch (c) {
    case '\n':
      if (settings.has_output(output_flag::kNewlineReturns)) column_ = 0;
      if (settings.has_output(output_flag::kNewlineToBoth)) {
        text = "\r\n";
        column_ = 0;
      }
      break;
    case '\r':
      if (settings.has_output(output_flag::kNoReturnAtStart) && column_ == 0) return;
      if (settings.has_output(output_flag::kReturnToNewline)) {
        text = "\n";
        if (!settings.has_output(output_flag::kNewlineReturns)) break;
      }
      column_ = 0;
      break;
    case '\t':
      if ((settings.output & output_flag::kTabDelay) == output_flag::kTabsToSpaces) {
        text = kSpaces.substr(0, after_tab(column_) - column_);
      }
      column_ = after_tab(column_);
      break;
    case '\b':
      if (column_ > 0) column_--;
      break;
    default:
      if (is_control(uint8_t(c))) break;
      if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
      if (!continues_character(uint8_t(c)) || !settings.has_input(input_flag::kUtf8)) column_++;
      break;
  }
  out.write(text);
}

}  // namespace cairn
