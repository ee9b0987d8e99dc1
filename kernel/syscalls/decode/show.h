// What the functions that show arguments are made of.
#pragma once

#include <algorithm>
#include <optional>

#include "address_space/user_copy.h"
#include "syscalls/decode/argument_kind.h"

namespace cairn {

inline constexpr uint64_t kShownBytes = 32;  // of a buffer
inline constexpr uint64_t kShownItems = 16;  // of an array
inline constexpr size_t kShownText = 320;    // of one argument; what is longer is cut

/// NULL, or 0x….
inline void write_address(BufferWriter& out, uint64_t address) {
  if (address == 0) return out.write("NULL");
  print(out, "{:x}", address);
}

/// Quoted, with C's escapes.
void write_quoted(BufferWriter& out, std::string_view text);
/// The first bytes at a user address, quoted, with ... behind them if there are more.
void write_memory(BufferWriter& out, uint64_t address, uint64_t size);
/// A string at a user address, at most `most` bytes of it, quoted.
void write_string(BufferWriter& out, uint64_t address, uint64_t most);
/// A set of signals: [INT TERM]; ~[…] what is left out, if that is less.
void write_signal_set(BufferWriter& out, uint64_t set);

/// The structure at a user address, to show(out, T); a null or bad address as such.
template <class T, class Show>
void write_structure(BufferWriter& out, uint64_t address, Show show) {
  T value;
  if (address == 0 || !copy_from_user(&value, VirtAddr(address), sizeof(T)).ok()) {
    return write_address(out, address);
  }
  show(out, value);
}

/// `count` of them: [a, b, ...].
template <class T, class Show>
void write_array(BufferWriter& out, uint64_t address, uint64_t count, Show show) {
  if (address == 0) return write_address(out, address);
  out.write("[");
  for (uint64_t i = 0; i < count; i++) {
    if (i != 0) out.write(", ");
    if (i == kShownItems || out.text().size() > kShownText / 2) {
      out.write("...");
      break;
    }
    write_structure<T>(out, address + i * sizeof(T), show);
  }
  out.write("]");
}

}  // namespace cairn
