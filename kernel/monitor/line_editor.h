// Editing a line on a serial terminal: arrows, Home and End, erase, history, completion by Tab.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/format.h"

namespace cairn {

/// A word that Tab is to complete. Whoever knows candidates offers all of them.
class Completion {
 public:
  Completion(std::string_view word, Writer* list) : word_(word), list_(list) {}

  /// `candidate` must outlive the completion. One that the word begins is counted, and listed if asked for.
  void offer(std::string_view candidate);

  unsigned count() const { return count_; }
  /// What all candidates go on with after the word.
  std::string_view rest() const { return common_.substr(word_.size()); }

 private:
  std::string_view word_, common_;
  Writer* list_;
  unsigned count_ = 0;
};

class LineEditor {
 public:
  using ReadByte = char (*)();
  using Offer = void (*)(std::string_view before, Completion& completion);
  using Columns = size_t (*)();
  /// `offer` is told what stands before the word that is completed; `columns` says how wide the terminal is, which must
  /// go on in the next row by itself ("auto wrap").
  constexpr LineEditor(ReadByte read_byte, Offer offer, Columns columns)
      : read_byte_(read_byte), offer_(offer), columns_(columns) {}

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
  void complete(Writer& out);
  void erase_before(Writer& out);
  void erase_word(Writer& out);
  void erase_at(Writer& out);
  void show(size_t begin, size_t end, Writer& out);
  void go_back(size_t from, size_t to, Writer& out);
  void move_to(size_t position, Writer& out);
  void replace(const Line& line, Writer& out);
  void redraw_tail(Writer& out);
  void recall(int direction, Writer& out);
  void remember();

  ReadByte read_byte_;
  Offer offer_;
  Columns columns_;
  std::string_view prompt_;
  Line line_;
  size_t cursor_ = 0;
  Line history_[kHistory];
  size_t history_count_ = 0;  // lines ever remembered
  size_t recalled_ = 0;       // 0: the line being entered; n: the n-th last
  Line entered_;              // kept while the history is looked at
};

}  // namespace cairn
