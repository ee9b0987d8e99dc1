// Command lines: words between blanks; one in single quotes may hold blanks, or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn {

inline constexpr std::string_view kBlanks = " \t\r\n";

/// Takes the next word off the front of `line`, without its quotes; false at the end. A quote that nothing closes
/// reaches to the end of the line.
inline bool take_word(std::string_view& line, std::string_view& word) {
  size_t start = line.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return false;
  line.remove_prefix(start);
  bool quoted = line.front() == '\'';
  if (quoted) line.remove_prefix(1);
  size_t end = quoted ? line.find('\'') : line.find_first_of(kBlanks);
  word = line.substr(0, end);
  line.remove_prefix(word.size() + (quoted && end != std::string_view::npos ? 1 : 0));
  return true;
}

/// Whether take_word() gives this word back only if it is written in quotes.
inline bool needs_quotes(std::string_view word) {
  return word.empty() || word.find_first_of(kBlanks) != std::string_view::npos;
}

/// The number that a name is, written as print() does; none for other names.
inline std::optional<uint64_t> number_in(std::string_view name) {
  constexpr size_t kMaxDigits = 9;
  if (name.empty() || name.size() > kMaxDigits || (name[0] == '0' && name.size() > 1)) return {};
  uint64_t number = 0;
  for (char c : name) {
    if (c < '0' || c > '9') return {};
    number = 10 * number + uint64_t(c - '0');
  }
  return number;
}

}  // namespace cairn
