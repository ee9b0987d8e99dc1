// Arguments that say it all themselves: numbers, flags.
#include "process/signal_names.h"
#include "syscalls/decode/flag_names.h"
#include "syscalls/decode/show.h"

namespace cairn {

void show_int(BufferWriter& out, const CallView& call, unsigned index) {
  print(out, "{}", int32_t(call.arguments[index]));
}

void show_long(BufferWriter& out, const CallView& call, unsigned index) {
  print(out, "{}", int64_t(call.arguments[index]));
}

void show_size(BufferWriter& out, const CallView& call, unsigned index) {
  print(out, "{}", call.arguments[index]);
}

void show_hexadecimal(BufferWriter& out, const CallView& call, unsigned index) {
  print(out, "{:x}", call.arguments[index]);
}

void show_address(BufferWriter& out, const CallView& call, unsigned index) {
  write_address(out, call.arguments[index]);
}

void show_octal(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr unsigned kBits = 32, kDigitBits = 3;
  auto value = uint32_t(call.arguments[index]);
  char digits[kBits / kDigitBits + 2];
  size_t at = sizeof(digits);
  do {
    digits[--at] = char('0' + (value & 7));
    value >>= kDigitBits;
  } while (value != 0);
  if (digits[at] != '0') digits[--at] = '0';
  out.write({&digits[at], sizeof(digits) - at});
}

void show_create_mode(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr uint64_t kCreate = 0100, kTemporary = 020000000;
  if ((call.arguments[index - 1] & (kCreate | kTemporary)) != 0) show_octal(out, call, index);
}

void show_directory(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr int32_t kCurrentDirectory = -100;
  if (int32_t(call.arguments[index]) == kCurrentDirectory) return out.write("AT_FDCWD");
  show_int(out, call, index);
}

void show_id(BufferWriter& out, const CallView& call, unsigned index) {
  if (uint32_t(call.arguments[index]) == UINT32_MAX) return out.write("-1");
  print(out, "{}", uint32_t(call.arguments[index]));
}

void show_device(BufferWriter& out, const CallView& call, unsigned index) {
  auto device = uint32_t(call.arguments[index]);
  print(out, "makedev({:x}, {:x})", device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & ~0xffu));
}

void show_signal(BufferWriter& out, const CallView& call, unsigned index) {
  print(out, "{}", SignalName(unsigned(call.arguments[index])).text());
}

void write_flags(BufferWriter& out, uint64_t value, std::span<const FlagName> names) {
  uint64_t rest = value;
  bool any = false;
  for (const FlagName& flag : names) {
    // What a wider name has told is told.
    if ((value & flag.mask) != flag.bits || (flag.bits != 0 && (rest & flag.bits) == 0)) continue;
    print(out, "{}{}", any ? "|" : "", flag.name);
    rest &= ~flag.mask;
    any = true;
  }
  if (rest != 0) {
    print(out, "{}{:x}", any ? "|" : "", rest);
  } else if (!any) {
    out.write("0");
  }
}

void write_value(BufferWriter& out, uint64_t value, std::span<const FlagName> names) {
  for (const FlagName& each : names) {
    if (each.bits == value) return out.write(each.name);
  }
  print(out, "{:x}", value);
}

}  // namespace cairn
