#include "monitor/command.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/words.h"

namespace cairn {

namespace {

constexpr size_t kMaxWords = 24;

struct Words {
  std::array<std::string_view, kMaxWords> words;
  size_t count = 0;
};

/// Splits into words (lib/words.h). False if there are too many.
bool split(std::string_view line, Words& words) {
  std::string_view word;
  while (take_word(line, word)) {
    if (words.count == kMaxWords) return false;
    words.words[words.count++] = word;
  }
  return true;
}

/// Letters that differ at best: insertions, deletions and replacements (Levenshtein's distance).
size_t distance(std::string_view a, std::string_view b) {
  constexpr size_t kLongest = 15;
  a = a.substr(0, kLongest);
  b = b.substr(0, kLongest);
  size_t row[kLongest + 1];
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

/// What people type for a command that has another name here.
constexpr std::array<std::pair<std::string_view, const char*>, 5> kOtherNames{{{"exit", "halt"},
                                                                               {"quit", "halt"},
                                                                               {"shutdown", "halt"},
                                                                               {"poweroff", "halt"},
                                                                               {"?", "help"}}};

Errno unknown_command(MonitorSession& session, std::string_view name) {
  for (auto [other, command] : kOtherNames) {
    if (name == other) {
      return session.fail(Errno::kEINVAL, "{}: no such command; did you mean '{}'?", name, command);
    }
  }
  const char* nearest = nullptr;
  size_t best = 3;
  for_each_command([&](const Command& command) {
    size_t d = distance(name, command.name);
    bool prefix = std::string_view(command.name).starts_with(name);
    if (prefix) d = 0;
    if (d < best) {
      best = d;
      nearest = command.name;
    }
  });
  if (nearest != nullptr) {
    return session.fail(Errno::kEINVAL, "{}: no such command; did you mean '{}'?", name, nearest);
  }
  return session.fail(Errno::kEINVAL, "{}: no such command; 'help' lists them", name);
}

}  // namespace

Result<void> run_command_line(MonitorSession& session, std::string_view line) {
  session.clear_message();
  Words words;
  if (!split(line, words)) return session.fail(Errno::kE2BIG, "too many words");
  if (words.count == 0) return {};
  const Command* found = nullptr;
  for_each_command([&](const Command& command) {
    if (words.words[0] == command.name) found = &command;
  });
  if (found == nullptr) return unknown_command(session, words.words[0]);
  Arguments arguments(words.words.data() + 1, words.count - 1);
  if (arguments.size() < found->least || arguments.size() > found->most) {
    return session.fail(Errno::kEINVAL, "usage: {} {}", found->name, found->usage);
  }
  return found->run(session, arguments);
}

Result<uint64_t> parse_number(MonitorSession& session, std::string_view text, const char* what) {
  std::string_view digits = text;
  unsigned base = 10;
  if (digits.starts_with("0x")) {
    digits.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  bool valid = !digits.empty() && digits.size() <= (base == 16 ? 16 : 19);
  for (char c : digits) {
    unsigned digit = c >= '0' && c <= '9'   ? unsigned(c - '0')
                     : c >= 'a' && c <= 'f' ? unsigned(c - 'a' + 10)
                                            : 99;
    if (digit >= base) valid = false;
    value = value * base + digit;
  }
  if (!valid)
    return session.fail(Errno::kEINVAL, "{}: '{}' is not a number (12 or 0xc)", what, text);
  return value;
}

Result<RefPtr<Process>> parse_process(MonitorSession& session, std::string_view text) {
  uint64_t pid = TRY(parse_number(session, text, "pid"));
  RefPtr<Process> process = find_process(Pid(pid));
  if (!process) return session.fail(Errno::kESRCH, "no process has pid {}; 'ps' lists them", pid);
  return process;
}

}  // namespace cairn
