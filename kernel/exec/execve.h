// LAB C, item C4: execve, from a path to the new program.
//
// In two halves. The first reads and checks everything, and builds the new program's memory beside the old one's:
// whatever goes wrong there is an error, and the caller goes on as if nothing had been. The second only switches, and
// can't fail (exec/initial_stack.h, enter_image()).
//
//   open_program()          the file, if it may be executed
//   AddressSpace::create(), make_stack(), the strings: path, environment, arguments
//   scripts: the file begins with "#!": their interpreter takes its place, at most kMaxScripts times
//   read_elf(), its interpreter's as well; load_image() of both
//   build_initial_stack()
//   become_only_thread()    from here on nothing fails
//   enter_image()
//
// Locks: none held; may sleep.
// Source: Linux, execve(2), execveat(2); POSIX.1-2017, exec.
#pragma once

#include "exec/initial_stack.h"
#include "vfs/path.h"

namespace cairn {

inline constexpr uint64_t kMaxStringSize = 32 * 4096;  // bytes of one string, NUL included
/// Bytes of all strings and of the pointers to them: a quarter of the stack.
inline constexpr uint64_t kMaxArgumentSize = kUserStackSize / 4;
inline constexpr unsigned kMaxScripts = 5;     // scripts on the way to a program …
inline constexpr size_t kMaxScriptLine = 256;  // bytes that are looked at

struct ExecRequest {
  RefPtr<File> file;       // open_program()'s
  std::string_view path;   // as it was asked for
  VirtAddr arguments{};    // the caller's array of pointers to strings, ended by a null; or null
  VirtAddr environment{};  // the same
  bool path_ends = false;  // nobody will find the file by `path` once exec has closed a descriptor
};

// ---- LAB C4 (handouts/c-exec.md#c4) ----------------------------------------------------------

/// Opens a program for who executes it. ELOOP: it is a symbolic link; EACCES: it isn't a regular file, or `who` may not
/// execute it. ETXTBSY: somebody has it open for writing; and while the result is open, nobody can open it so
/// (open_flag::kExecute). ENOMEM.
Result<RefPtr<File>> open_program(const Place& place, const Credentials& who);

/// Makes the running process run another program: `frame` is what it returns to user mode with. On an error
/// the caller is as it was: memory, descriptors, signals, threads, registers.
/// EFAULT: the arrays or strings can't be read. E2BIG: a string is longer than kMaxStringSize with its NUL, or all of
/// them, the path's included, and the pointers to arguments and environment take more than kMaxArgumentSize. Without
/// arguments there is one, the empty string.
/// A file that begins with "#!" is a script: the rest of its first line, of which only the first kMaxScriptLine bytes
/// of the file count, is the path of an interpreter between blanks (space, tab), and perhaps one further argument, the
/// rest without blanks at its ends. Its arguments are that path, that argument, the script's path, and the
/// caller's without the first. ENOEXEC: the line is blank, or the interpreter's name doesn't end among those bytes, behind which a NUL ends it, too;
/// ENOENT: path_ends is set; EACCES: the name is empty; ELOOP: kMaxScripts other scripts lead to it; what resolve_path() and open_program()
/// give. Whatever else isn't right ELF is ENOEXEC (read_elf()). Of the interpreter of an ELF file: ELIBBAD where read_elf()
/// says ENOEXEC, but EIO if it is shorter than an ELF header, and what those two give. Its own interpreter isn't
/// looked for.
/// A file with the set-user-ID bit makes its owner the effective user; with the set-group-ID bit and its group's right
/// to execute, its group the effective group. The saved ones become the effective ones; the real ones, and further
/// groups, stay. A script's bits mean nothing, its interpreter's do. ENOMEM.
/// EAGAIN: another thread of the process was faster.
Result<void> execute(TrapFrame& frame, const ExecRequest& request);

// The system calls that use them are syscalls/exec_calls.h's.

}  // namespace cairn
