// Type-safe formatting without allocation: print(writer, "pid {} at {:x}", pid, address).
//   {}      decimal number, character, string, bool; addresses as 0x…
//   {:x}    0x and hexadecimal          {:08h}  hexadecimal digits, zero-filled to 8
//   {:6}    right-aligned to 6          {:<6}   left-aligned to 6 characters (of UTF-8)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "lib/types.h"

namespace cairn {

/// Where text goes: a console, a buffer, the log.
class Writer {
 public:
  virtual void write(std::string_view text) = 0;

 protected:
  ~Writer() = default;
};

/// Writes into a caller's buffer, cuts what doesn't fit, keeps it NUL-terminated.
class BufferWriter final : public Writer {
 public:
  explicit BufferWriter(std::span<char> buffer) : buffer_(buffer) { buffer_[0] = '\0'; }
  void write(std::string_view text) override;
  std::string_view text() const { return {buffer_.data(), used_}; }

 private:
  std::span<char> buffer_;
  size_t used_ = 0;
};

/// One argument of print(), its type erased.
struct FormatArgument {
  enum class Kind : uint8_t { kUnsigned, kSigned, kAddress, kCharacter, kText };
  Kind kind;
  uint64_t number = 0;
  std::string_view text;

  FormatArgument(bool value) : kind(Kind::kText), text(value ? "yes" : "no") {}
  FormatArgument(char value) : kind(Kind::kCharacter), number(uint8_t(value)) {}
  FormatArgument(const char* value)
      : kind(Kind::kText), text(value != nullptr ? value : "(null)") {}
  FormatArgument(std::string_view value) : kind(Kind::kText), text(value) {}
  FormatArgument(const void* value) : kind(Kind::kAddress), number(uint64_t(value)) {}
  FormatArgument(PhysAddr value) : kind(Kind::kAddress), number(value.value) {}
  FormatArgument(VirtAddr value) : kind(Kind::kAddress), number(value.value) {}
  template <class Tag>
  FormatArgument(Number<Tag> value) : kind(Kind::kUnsigned), number(value.value) {}
  template <class T>
  requires std::is_integral_v<T> FormatArgument(T value)
      : kind(std::is_signed_v<T> ? Kind::kSigned : Kind::kUnsigned),
        number(uint64_t(int64_t(value))) {
    if constexpr (!std::is_signed_v<T>) number = value;
  }
};

void print_arguments(Writer& out, std::string_view format,
                     std::span<const FormatArgument> arguments);

template <class... T>
void print(Writer& out, std::string_view format, const T&... values) {
  if constexpr (sizeof...(T) == 0) {
    print_arguments(out, format, {});
  } else {
    const FormatArgument arguments[] = {FormatArgument(values)...};
    print_arguments(out, format, arguments);
  }
}

}  // namespace cairn
