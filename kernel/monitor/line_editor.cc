// Source: ECMA-48, "Control functions" (the escape sequences terminals send and understand).
#include "monitor/line_editor.h"

#include <algorithm>

namespace cairn {

namespace {
constexpr char kEscape = 27;
constexpr std::string_view kBell = "\a";
constexpr char control(char letter) { return char(letter & 0x1f); }
}  // namespace

void Completion::offer(std::string_view candidate) {
  if (!candidate.starts_with(word_)) return;
  if (list_ != nullptr) print(*list_, "{}{}", count_ == 0 ? "" : " ", candidate);
  if (count_++ == 0) common_ = candidate;
  auto [end, _] = std::ranges::mismatch(common_, candidate);
  common_ = common_.substr(0, size_t(end - common_.begin()));
}

std::string_view LineEditor::read_line(std::string_view prompt, Writer& out) {
  prompt_ = prompt;
  out.write(prompt);
  line_ = {};
  cursor_ = 0;
  recalled_ = 0;
  bool complete = false;
  while (!complete) complete = handle(read_byte_(), out);
  move_to(line_.length, out);
  out.write("\n");
  remember();
  return {line_.text, line_.length};
}

/// Returns true at the end of the line.
bool LineEditor::handle(char c, Writer& out) {
  switch (c) {
    case '\r':
    case '\n': return true;
    case control('C'):
      move_to(line_.length, out);
      out.write("^C");
      line_ = {};
      cursor_ = 0;
      return true;
    case 0x7f:
    case '\b': erase_before(out); break;
    case control('A'): move_to(0, out); break;
    case control('E'): move_to(line_.length, out); break;
    case control('B'):
      if (cursor_ > 0) move_to(cursor_ - 1, out);
      break;
    case control('F'):
      if (cursor_ < line_.length) move_to(cursor_ + 1, out);
      break;
    case control('D'): erase_at(out); break;
    case control('P'): recall(1, out); break;
    case control('N'): recall(-1, out); break;
    case control('U'): replace({}, out); break;
    case control('W'): erase_word(out); break;
    case '\t': complete(out); break;
    case control('K'):
      line_.length = cursor_;
      redraw_tail(out);
      break;
    case kEscape: handle_escape(out); break;
    default:
      if (c >= ' ' && c < 0x7f) insert(c, out);
  }
  return false;
}

void LineEditor::handle_escape(Writer& out) {
  char kind = read_byte_();
  if (kind != '[' && kind != 'O') return;
  char c = read_byte_();
  char parameter = 0;
  while (c >= '0' && c <= '9') {
    parameter = c;
    c = read_byte_();
  }
  switch (c) {
    case 'A': recall(1, out); break;
    case 'B': recall(-1, out); break;
    case 'C':
      if (cursor_ < line_.length) move_to(cursor_ + 1, out);
      break;
    case 'D':
      if (cursor_ > 0) move_to(cursor_ - 1, out);
      break;
    case 'H': move_to(0, out); break;
    case 'F': move_to(line_.length, out); break;
    case '~':
      if (parameter == '1' || parameter == '7') move_to(0, out);
      if (parameter == '4' || parameter == '8') move_to(line_.length, out);
      if (parameter == '3') erase_at(out);
      break;
  }
}

/// Shows a part of the line, where the terminal's cursor stands at its beginning. Behind a character in the last column
/// that cursor waits whether another one comes: what stands next, or a blank, takes it into the next row.
void LineEditor::show(size_t begin, size_t end, Writer& out) {
  if (begin == end) return;
  out.write({line_.text + begin, end - begin});
  if ((prompt_.size() + end) % columns_() != 0) return;
  out.write({end < line_.length ? line_.text + end : " ", 1});
  out.write("\r");
}

/// Takes the terminal's cursor from one position of the line to one before it, perhaps some rows up.
void LineEditor::go_back(size_t from, size_t to, Writer& out) {
  size_t columns = columns_(), end = prompt_.size() + from, start = prompt_.size() + to;
  size_t up = end / columns - start / columns;
  if (up == 0) {
    for (size_t i = to; i < from; i++) out.write("\b");
    return;
  }
  print(out, "\x1b[{}A\r", up);
  if (start % columns != 0) print(out, "\x1b[{}C", start % columns);
}

/// Shows what stands right of the cursor anew, nothing behind it, and returns there.
void LineEditor::redraw_tail(Writer& out) {
  show(cursor_, line_.length, out);
  out.write("\x1b[J");
  go_back(line_.length, cursor_, out);
}

void LineEditor::insert(char c, Writer& out) {
  if (line_.length == kMaxLine) return out.write(kBell);
  std::copy_backward(line_.text + cursor_, line_.text + line_.length,
                     line_.text + line_.length + 1);
  line_.text[cursor_++] = c;
  line_.length++;
  show(cursor_ - 1, cursor_, out);
  if (cursor_ < line_.length) redraw_tail(out);
}

void LineEditor::erase_at(Writer& out) {
  if (cursor_ == line_.length) return;
  std::copy(line_.text + cursor_ + 1, line_.text + line_.length, line_.text + cursor_);
  line_.length--;
  redraw_tail(out);
}

void LineEditor::erase_before(Writer& out) {
  if (cursor_ == 0) return;
  move_to(cursor_ - 1, out);
  erase_at(out);
}

void LineEditor::erase_word(Writer& out) {
  auto is_blank = [&] { return line_.text[cursor_ - 1] == ' '; };
  while (cursor_ > 0 && is_blank()) erase_before(out);
  while (cursor_ > 0 && !is_blank()) erase_before(out);
}

/// Adds what all candidates have in common, and a blank after the only one; what can't be told apart is listed.
void LineEditor::complete(Writer& out) {
  std::string_view before(line_.text, cursor_);
  size_t start = before.find_last_of(' ') + 1;  // 0 without a blank
  auto offered = [&](Writer* list) {
    Completion completion(before.substr(start), list);
    offer_(before.substr(0, start), completion);
    return completion;
  };
  Completion completion = offered(nullptr);
  if (completion.count() == 0) return out.write(kBell);
  for (char c : completion.rest()) insert(c, out);
  if (completion.count() == 1) return insert(' ', out);
  if (!completion.rest().empty()) return;
  out.write("\n");
  offered(&out);
  out.write("\n");
  out.write(prompt_);
  size_t cursor = cursor_;
  cursor_ = 0;
  move_to(line_.length, out);
  move_to(cursor, out);
}

void LineEditor::move_to(size_t position, Writer& out) {
  if (position < cursor_) go_back(cursor_, position, out);
  if (position > cursor_) show(cursor_, position, out);
  cursor_ = position;
}

void LineEditor::replace(const Line& line, Writer& out) {
  move_to(0, out);
  line_ = line;
  cursor_ = 0;
  redraw_tail(out);
  move_to(line_.length, out);
}

/// direction 1: one line further back; -1: one forward.
void LineEditor::recall(int direction, Writer& out) {
  size_t available = std::min(history_count_, kHistory);
  if (direction > 0 ? recalled_ == available : recalled_ == 0) return;
  if (recalled_ == 0) entered_ = line_;
  recalled_ += size_t(direction);
  replace(recalled_ == 0 ? entered_ : history_[(history_count_ - recalled_) % kHistory], out);
}

void LineEditor::remember() {
  if (line_.length == 0) return;
  const Line& last = history_[(history_count_ + kHistory - 1) % kHistory];
  bool same = history_count_ > 0 && last.length == line_.length &&
              std::equal(last.text, last.text + last.length, line_.text);
  if (!same) history_[history_count_++ % kHistory] = line_;
}

}  // namespace cairn
