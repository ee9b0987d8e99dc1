// The line discipline: what becomes of the bytes that a terminal sends. It edits lines, echoes, and finds the keys that
// mean a signal or stop the output; what is left stands in a queue until somebody reads it. One for every kind of terminal.
// Locks: its tty's (tty.h), for all of it; nothing here sleeps.
// Source: POSIX.1-2017, "General Terminal Interface"; Linux, termios(3).
#pragma once

#include "tty/input_queue.h"
#include "tty/terminal_output.h"

namespace cairn {

class LineDiscipline {
 public:
  /// Takes a byte that was typed; `echo` gets what the terminal is to show for it. Returns the signal that it means for
  /// the foreground, 0 for none.
  unsigned take(uint8_t byte, Writer& echo);
  /// Whether take() would keep another byte. Where a line is being edited it always may.
  bool has_room() const { return canonical() ? !input_.has_line() || !is_full() : !is_full(); }

  /// Whether a read() would find something, of at least `count` bytes where bytes are read as they come.
  bool readable(size_t count) const {
    return canonical() ? input_.has_line() : input_.size() >= count;
  }
  /// Bytes that can be read now.
  size_t read(std::span<char> buffer, bool& ended);
  /// Bytes, whether or not their lines are complete.
  size_t read_raw(std::span<char> buffer) { return input_.read_raw(buffer); }
  size_t bytes() const {
    return canonical() ? input_.size() - input_.line_length() : input_.size();
  }
  void clear_input() { input_.clear(); }

  void write(std::string_view text, Writer& out) { output_.write(settings_, text, out); }
  bool stopped() const { return stopped_; }
  void set_stopped(bool stopped) { stopped_ = stopped; }

  const Termios& settings() const { return settings_; }
  void change(const Termios& settings);
  bool canonical() const { return settings_.has_local(local_flag::kCanonical); }

 private:
  bool is_full() const { return input_.size() + 1 >= InputQueue::kSize; }
  unsigned signal_of(uint8_t byte) const;
  bool is_flow_key(uint8_t byte);
  void edit(uint8_t byte, Writer& echo);
  void keep(uint8_t byte, Writer& echo);
  void complete(uint8_t byte, Writer& echo);
  void erase_character(Writer& echo);
  void erase_word(Writer& echo);
  void erase_line(uint8_t byte, Writer& echo);
  bool erase_last(Writer& echo);
  size_t last_length() const;
  unsigned width_of(uint8_t byte) const;
  bool continues(uint8_t byte) const;
  void reprint(uint8_t byte, Writer& echo);
  void show(uint8_t byte, Writer& echo);
  void show_visible(uint8_t byte, Writer& echo);
  unsigned column_of(size_t length) const;

  Termios settings_ = kSaneTermios;
  InputQueue input_;
  TerminalOutput output_;
  unsigned line_column_ = 0;  // where the line that is edited began
  bool stopped_ = false;      // ^S
  bool literal_ = false;      // the next byte is kept, whatever it means (^V)
};

}  // namespace cairn
