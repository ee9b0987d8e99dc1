// Starting programs. Upward needs: until lab C is in, the stand-in (standins/c.cc) starts flat images that the boot
// loader brought. With lab C, exec (exec/start_program.cc) starts ELF files, and leaves to the stand-in what no file
// is there for.
#pragma once

#include <string_view>

#include "arch/trap_frame.h"
#include "lib/result.h"

namespace cairn {

inline constexpr size_t kMaxCommandLine = 256;  // bytes, NUL included

/// Has the running process, which the kernel started and whose memory is empty, run the first word of
/// `command_line`: its memory is filled, and `frame` is what user mode begins with. ENOENT, ENOEXEC, ENOMEM, and
/// what exec gives. May sleep.
Result<void> start_program(TrapFrame& frame, std::string_view command_line);
/// Whether there is such a program.
bool has_program(std::string_view name);

// Flat images alone, in standins/c.cc.
Result<void> start_flat_program(TrapFrame& frame, std::string_view command_line);
bool has_flat_program(std::string_view name);
/// Names of the flat images there are, in order: calls use(name, context) for each.
void list_programs(void (*use)(const char* name, void* context), void* context);

}  // namespace cairn
