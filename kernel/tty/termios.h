// A terminal's settings, as stty shows them and programs change them.
// Source: Linux, include/uapi/asm-generic/termbits-common.h and termbits.h; termios(3).
#pragma once

#include <cstdint>

namespace cairn {

/// Indexes of Termios::characters.
enum class TtyKey : uint8_t {
  kInterrupt,
  kQuit,
  kErase,
  kKill,
  kEndOfFile,
  kTime,
  kMin,
  kSwitch,
  kStart,
  kStop,
  kSuspend,
  kEndOfLine,
  kReprint,
  kDiscard,
  kWordErase,
  kLiteralNext,
  kEndOfLine2,
};

/// Linux's struct termios: 36 bytes.
struct Termios {
  uint32_t input, output, control, local;
  uint8_t line;
  uint8_t characters[19];

  uint8_t key(TtyKey which) const { return characters[uint8_t(which)]; }
  /// Whether `byte` is that key; a key that is 0 is switched off.
  bool is(uint8_t byte, TtyKey which) const { return byte != 0 && byte == key(which); }
  bool has_input(uint32_t flag) const { return (input & flag) != 0; }
  bool has_output(uint32_t flag) const { return (output & flag) != 0; }
  bool has_local(uint32_t flag) const { return (local & flag) != 0; }
};
static_assert(sizeof(Termios) == 36);

namespace input_flag {
inline constexpr uint32_t kStrip = 0000040, kNewlineToReturn = 0000100, kIgnoreReturn = 0000200,
                          kReturnToNewline = 0000400, kUpperToLower = 0001000, kStopKeys = 0002000,
                          kAnyKeyStarts = 0004000, kBellWhenFull = 0020000, kUtf8 = 0040000;
}
namespace output_flag {
inline constexpr uint32_t kProcess = 0000001, kLowerToUpper = 0000002, kNewlineToBoth = 0000004,
                          kReturnToNewline = 0000010, kNoReturnAtStart = 0000020,
                          kNewlineReturns = 0000040, kTabDelay = 0014000, kTabsToSpaces = 0014000;
}
namespace local_flag {
inline constexpr uint32_t kSignals = 0000001, kCanonical = 0000002, kEcho = 0000010,
                          kEchoErase = 0000020, kEchoKill = 0000040, kEchoNewline = 0000100,
                          kNoFlush = 0000200, kStopBackground = 0000400, kEchoControl = 0001000,
                          kEchoKillErase = 0004000, kExtended = 0100000;
}

struct WindowSize {
  uint16_t rows, columns, width, height;  // characters, then pixels
  bool operator==(const WindowSize&) const = default;
};

/// How a terminal begins, and how a login leaves it: whole lines, echo, erasing, ^C.
inline constexpr Termios kSaneTermios{
    .input = input_flag::kReturnToNewline | input_flag::kStopKeys,
    .output = output_flag::kProcess | output_flag::kNewlineToBoth,
    .control = 0000017 | 0000060 | 0000200 | 0002000,  // 38,400 baud, CS8, CREAD, HUPCL
    .local = local_flag::kSignals | local_flag::kCanonical | local_flag::kEcho |
             local_flag::kEchoErase | local_flag::kEchoKill | local_flag::kEchoControl |
             local_flag::kEchoKillErase | local_flag::kExtended,
    .line = 0,
    // ^C ^\ DEL ^U ^D, time 0, at least 1 byte, no switch, ^Q ^S ^Z, no end of line, ^R ^O ^W ^V
    .characters = {3, 034, 0177, 025, 4, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026, 0},
};

}  // namespace cairn
