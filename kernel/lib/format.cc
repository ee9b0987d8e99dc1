#include "lib/format.h"

#include <algorithm>

#include "lib/assert.h"

namespace cairn {

namespace {

/// What stands between the braces: {:<08x}.
struct Spec {
  bool left = false;
  bool zeros = false;
  bool prefix = false;  // x
  bool hex = false;     // x or h
  size_t width = 0;
};

Spec parse_spec(std::string_view text) {
  Spec spec;
  for (char c : text) {
    if (c == ':') continue;
    if (c == '<') spec.left = true;
    if (c == '0' && spec.width == 0) spec.zeros = true;
    if (c >= '0' && c <= '9') spec.width = spec.width * 10 + size_t(c - '0');
    if (c == 'x') spec.hex = spec.prefix = true;
    if (c == 'h') spec.hex = true;
  }
  return spec;
}

/// Digits of `number` into the end of `buffer`; returns them.
std::string_view digits(uint64_t number, unsigned base, std::span<char> buffer) {
  size_t at = buffer.size();
  do {
    buffer[--at] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  return {&buffer[at], buffer.size() - at};
}

void write_fill(Writer& out, char fill, size_t count) {
  for (; count > 0; count--) out.write({&fill, 1});
}

/// Characters of UTF-8: its further bytes are 10xxxxxx.
size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += (uint8_t(c) & 0xc0) != 0x80;
  return count;
}

void write_padded(Writer& out, const Spec& spec, std::string_view prefix, std::string_view text) {
  size_t length = prefix.size() + count_characters(text);
  size_t padding = spec.width > length ? spec.width - length : 0;
  if (!spec.left && !spec.zeros) write_fill(out, ' ', padding);
  out.write(prefix);
  if (!spec.left && spec.zeros) write_fill(out, '0', padding);
  out.write(text);
  if (spec.left) write_fill(out, ' ', padding);
}

void write_argument(Writer& out, Spec spec, const FormatArgument& argument) {
  char buffer[24];
  using Kind = FormatArgument::Kind;
  switch (argument.kind) {
    case Kind::kText: spec.zeros = false; return write_padded(out, spec, "", argument.text);
    case Kind::kCharacter:
      buffer[0] = char(argument.number);
      return write_padded(out, spec, "", {buffer, 1});
    case Kind::kAddress: spec.hex = spec.prefix = true; break;
    case Kind::kSigned:
      if (int64_t(argument.number) < 0 && !spec.hex) {
        return write_padded(out, spec, "-", digits(-argument.number, 10, buffer));
      }
      break;
    case Kind::kUnsigned: break;
  }
  write_padded(out, spec, spec.prefix ? "0x" : "",
               digits(argument.number, spec.hex ? 16 : 10, buffer));
}

}  // namespace

void BufferWriter::write(std::string_view text) {
  size_t room = buffer_.size() - 1 - used_;
  size_t count = std::min(room, text.size());
  std::copy_n(text.data(), count, buffer_.data() + used_);
  used_ += count;
  buffer_[used_] = '\0';
}

void print_arguments(Writer& out, std::string_view format,
                     std::span<const FormatArgument> arguments) {
  size_t next = 0;
  while (!format.empty()) {
    size_t open = std::min(format.find('{'), format.size());
    out.write(format.substr(0, open));
    format.remove_prefix(open);
    if (format.empty()) return;
    size_t close = format.find('}');
    ASSERT(close != std::string_view::npos && next < arguments.size());
    write_argument(out, parse_spec(format.substr(1, close - 1)), arguments[next++]);
    format.remove_prefix(close + 1);
  }
}

}  // namespace cairn
