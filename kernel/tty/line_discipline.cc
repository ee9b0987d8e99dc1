#include "tty/line_discipline.h"

#include <algorithm>
#include <utility>

#include "process/signal_info.h"

namespace cairn {

namespace {

constexpr char kBell = '\a';

bool is_word(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0xc0;
}

}  // namespace

unsigned LineDiscipline::take(uint8_t byte, Writer& echo) {
  if (settings_.has_input(input_flag::kStrip)) byte &= 0x7f;
  if (settings_.has_input(input_flag::kUpperToLower) && byte >= 'A' && byte <= 'Z')
    byte += 'a' - 'A';
  if (std::exchange(literal_, false)) {
    keep(byte, echo);
    return 0;
  }
  if (is_flow_key(byte)) return 0;
  if (unsigned signal = signal_of(byte); signal != 0) {
    if (!settings_.has_local(local_flag::kNoFlush)) input_.clear();
    stopped_ = false;
    if (settings_.has_local(local_flag::kEcho)) show_visible(byte, echo);
    return signal;
  }
  if (byte == '\r') {
    if (settings_.has_input(input_flag::kIgnoreReturn)) return 0;
    if (settings_.has_input(input_flag::kReturnToNewline)) byte = '\n';
  } else if (byte == '\n' && settings_.has_input(input_flag::kNewlineToReturn)) {
    byte = '\r';
  }
  if (canonical()) {
    edit(byte, echo);
  } else {
    keep(byte, echo);
  }
  return 0;
}

unsigned LineDiscipline::signal_of(uint8_t byte) const {
  if (!settings_.has_local(local_flag::kSignals)) return 0;
  if (settings_.is(byte, TtyKey::kInterrupt)) return kSigInterrupt;
  if (settings_.is(byte, TtyKey::kQuit)) return kSigQuit;
  return settings_.is(byte, TtyKey::kSuspend) ? kSigTerminalStop : 0;
}

bool LineDiscipline::is_flow_key(uint8_t byte) {
  if (!settings_.has_input(input_flag::kStopKeys)) return false;
  const bool is_start = settings_.is(byte, TtyKey::kStart);
  const bool is_stop = settings_.is(byte, TtyKey::kStop);
  if (is_start || is_stop) {
    stopped_ = is_stop && !(is_start && stopped_);  // one key may be both
    return true;
  }
  if (settings_.has_input(input_flag::kAnyKeyStarts) && signal_of(byte) == 0) stopped_ = false;
  return false;
}

/// A byte of a line that is read when it's complete.
void LineDiscipline::edit(uint8_t byte, Writer& echo) {
  const bool extended = settings_.has_local(local_flag::kExtended);
  if (settings_.is(byte, TtyKey::kErase)) return erase_character(echo);
  if (settings_.is(byte, TtyKey::kKill)) return erase_line(byte, echo);
  if (extended && settings_.is(byte, TtyKey::kWordErase)) return erase_word(echo);
  if (extended && settings_.has_local(local_flag::kEcho) && settings_.is(byte, TtyKey::kReprint)) {
    return reprint(byte, echo);
  }
  if (extended && settings_.is(byte, TtyKey::kLiteralNext)) {
    literal_ = true;
    if (settings_.has_local(local_flag::kEcho) && settings_.has_local(local_flag::kEchoControl)) {
      echo.write("^\b");
    }
    return;
  }
  if (settings_.is(byte, TtyKey::kEndOfFile)) {
    input_.end_file();
    return;
  }
  const bool ends = byte == '\n' || settings_.is(byte, TtyKey::kEndOfLine) ||
                    (extended && settings_.is(byte, TtyKey::kEndOfLine2));
  if (ends) return complete(byte, echo);
  keep(byte, echo);
}

/// A byte like any other.
void LineDiscipline::keep(uint8_t byte, Writer& echo) {
  if (canonical() && input_.line_length() == 0) line_column_ = output_.column();
  if (input_.add(byte)) {
    show(byte, echo);
  } else if (settings_.has_input(input_flag::kBellWhenFull)) {
    echo.write({&kBell, 1});
  }
}

void LineDiscipline::complete(uint8_t byte, Writer& echo) {
  if (!input_.end_line(byte)) return;
  if (byte == '\n' && settings_.has_local(local_flag::kEchoNewline)) {
    if (!settings_.has_local(local_flag::kEcho)) write("\n", echo);
  }
  show(byte, echo);
}

void LineDiscipline::erase_character(Writer& echo) {
  const size_t count = last_length();
  if (settings_.has_local(local_flag::kEchoErase)) {
    (void)erase_last(echo);
  } else if (count != 0) {
    for (size_t i = 0; i < count; i++) (void)input_.erase_last();
    show(settings_.key(TtyKey::kErase), echo);
  }
}

/// What isn't a word at the end of the line, and the word before it.
void LineDiscipline::erase_word(Writer& echo) {
  for (bool in_word = false; input_.line_length() != 0;) {
    if (is_word(input_.line_byte(input_.line_length() - std::max<size_t>(last_length(), 1)))) {
      in_word = true;
    } else if (in_word) {
      return;
    }
    if (!erase_last(echo)) return;
  }
}

void LineDiscipline::erase_line(uint8_t byte, Writer& echo) {
  constexpr uint32_t kVisibly = local_flag::kEcho | local_flag::kEchoErase | local_flag::kEchoKill |
                                local_flag::kEchoKillErase;
  if ((settings_.local & kVisibly) == kVisibly) {
    while (erase_last(echo)) {
    }
    return;
  }
  while (input_.line_length() != 0) (void)input_.erase_last();
  if (!settings_.has_local(local_flag::kEcho)) return;
  show(byte, echo);
  if (settings_.has_local(local_flag::kEchoKill)) write("\n", echo);
}

/// How many bytes the last character of the line has; 0 if there is none, or only the end of one.
size_t LineDiscipline::last_length() const {
  const size_t length = input_.line_length();
  for (size_t count = 1; count <= length; count++) {
    if (!continues(input_.line_byte(length - count))) return count;
  }
  return 0;
}

/// Takes the last character back, and from the screen the columns that it had. False if there is none.
bool LineDiscipline::erase_last(Writer& echo) {
  const size_t count = last_length(), length = input_.line_length();
  if (count == 0) return false;
  const uint8_t byte = input_.line_byte(length - count);
  unsigned columns = width_of(byte);
  if (byte == '\t') columns = column_of(length) - column_of(length - 1);
  for (size_t i = 0; i < count; i++) (void)input_.erase_last();
  if (!settings_.has_local(local_flag::kEcho)) return true;
  for (; columns > 0; columns--) write(byte == '\t' ? "\b" : "\b \b", echo);
  return true;
}

/// The columns of a character that begins with `byte` and isn't a tab.
unsigned LineDiscipline::width_of(uint8_t byte) const {
  if (is_control(byte)) return settings_.has_local(local_flag::kEchoControl) ? 2 : 0;
  return continues(byte) ? 0 : 1;
}

bool LineDiscipline::continues(uint8_t byte) const {
  return settings_.has_input(input_flag::kUtf8) && continues_character(byte);
}

/// The column behind the first `length` bytes of the line.
unsigned LineDiscipline::column_of(size_t length) const {
  unsigned column = line_column_;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = input_.line_byte(i);
    column = byte == '\t' ? after_tab(column) : column + width_of(byte);
  }
  return column;
}

/// ^R: the line again, on a line of its own.
void LineDiscipline::reprint(uint8_t byte, Writer& echo) {
  show(byte, echo);
  write("\n", echo);
  line_column_ = output_.column();
  for (size_t i = 0; i < input_.line_length(); i++) show(input_.line_byte(i), echo);
}

void LineDiscipline::show(uint8_t byte, Writer& echo) {
  if (settings_.has_local(local_flag::kEcho)) {
    if (byte == '\n' || byte == '\t' || !is_control(byte)) {
      char c = char(byte);
      write({&c, 1}, echo);
    } else {
      show_visible(byte, echo);
    }
  }
}

/// A control character as ^ and a letter.
void LineDiscipline::show_visible(uint8_t byte, Writer& echo) {
  char text[2] = {'^', char(byte ^ 0100)};
  if (settings_.has_local(local_flag::kEchoControl) && is_control(byte)) {
    write({text, 2}, echo);
  } else {
    text[0] = char(byte);
    write({text, 1}, echo);
  }
}

size_t LineDiscipline::read(std::span<char> buffer, bool& ended) {
  if (canonical()) return input_.read_line(buffer, ended);
  ended = false;
  return input_.read_raw(buffer);
}

void LineDiscipline::change(const Termios& settings) {
  const bool was_canonical = canonical();
  settings_ = settings;
  if (canonical() && !was_canonical) input_.start_lines();
  if (!canonical() && was_canonical) input_.stop_lines();
  if (canonical() != was_canonical) literal_ = false;
  if (!settings.has_input(input_flag::kStopKeys)) stopped_ = false;
}

}  // namespace cairn
