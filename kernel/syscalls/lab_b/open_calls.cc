// open, close and what makes descriptors: dup, pipe.
#include "address_space/user_copy.h"
#include "special_files/pipe.h"
#include "syscalls/lab_b/record_lock_control.h"

namespace cairn {

namespace {

/// Flags that open() knows; Linux ignores the others, as it always has.
constexpr uint32_t kOpenFlags =
    open_flag::kAccessMask | open_flag::kCreate | open_flag::kExclusive |
    open_flag::kNoControllingTerminal | open_flag::kTruncate | open_flag::kAppend |
    open_flag::kNonBlocking | open_flag::kSync | open_flag::kDataSync | open_flag::kDirect |
    open_flag::kLargeFile | open_flag::kDirectory | open_flag::kNoFollow |
    open_flag::kNoAccessTime | open_flag::kCloseOnExec | open_flag::kPath;

Result<int> open_file(uint64_t dirfd, uint64_t path_address, uint32_t flags, uint64_t mode) {
  constexpr uint32_t kTemporaryFile = 020000000;  // O_TMPFILE's own bit
  if ((flags & kTemporaryFile) != 0) {
    // With O_DIRECTORY and for writing it is a call that file systems may not know.
    bool whole = (flags & open_flag::kDirectory) != 0 &&
                 (flags & open_flag::kAccessMask) != open_flag::kReadOnly;
    return whole ? Errno::kEOPNOTSUPP : Errno::kEINVAL;
  }
  flags = (flags & kOpenFlags) | open_flag::kLargeFile;
  if ((flags & open_flag::kPath) != 0) {
    flags &=
        open_flag::kDirectory | open_flag::kNoFollow | open_flag::kPath | open_flag::kCloseOnExec;
  }
  constexpr uint32_t kMakeDirectory = open_flag::kCreate | open_flag::kDirectory;
  if ((flags & kMakeDirectory) == kMakeDirectory) return Errno::kEINVAL;  // open() makes files
  UserName name;
  TRY(name.path.read(path_address));
  // Before the path is looked at: a file that nobody could have must not be made.
  FdTable& table = *TRY(fd_table());
  if (!has_free_fd(table)) return Errno::kEMFILE;
  TRY(name.find(dirfd));
  // What is cut is another's to run no more; a file that is made keeps the bits that it's made with.
  const bool cuts = (flags & open_flag::kTruncate) != 0 && !current_files().who().is_root() &&
                    resolve_path(name.context(), name.path.text()).ok();
  RefPtr<File> file = TRY(vfs_open(name.context(), name.path.text(), flags, new_permissions(mode)));
  if (cuts) TRY(drop_set_ids(file->place));
  bool close_on_exec = (flags & open_flag::kCloseOnExec) != 0;
  return give_fd(std::move(file), close_on_exec);
}

Result<int> duplicate(uint64_t from, uint64_t to, bool close_on_exec) {
  if (to >= fd_limit()) return Errno::kEBADF;
  RefPtr<File> file = TRY(any_file(from));
  drop_record_locks_of_fd(int(to));
  TRY(replace_fd(*TRY(fd_table()), int(to), std::move(file), close_on_exec));
  return int(to);
}

Result<void> make_pipe(uint64_t address, uint64_t flags) {
  constexpr uint64_t kKnown = open_flag::kCloseOnExec | open_flag::kNonBlocking;
  if ((flags & ~kKnown) != 0) return Errno::kEINVAL;
  FdTable& table = *TRY(fd_table());
  bool close_on_exec = (flags & open_flag::kCloseOnExec) != 0;
  PipeEnds ends = TRY(create_pipe(uint32_t(flags) & open_flag::kNonBlocking));
  int fds[2];
  fds[0] = TRY(give_fd(std::move(ends.read_end), close_on_exec));
  auto second = give_fd(std::move(ends.write_end), close_on_exec);
  Result<void> done = second.error();
  if (second.ok()) {
    fds[1] = *second;
    done = write_user(VirtAddr(address), fds);
    if (!done.ok()) (void)close_fd(table, fds[1]);
  }
  if (!done.ok()) (void)close_fd(table, fds[0]);
  return done;
}

}  // namespace

int64_t sys_open(TrapFrame& call) {
  return to_return(
      open_file(kFromCurrent, argument0(call), uint32_t(argument1(call)), argument2(call)));
}
int64_t sys_openat(TrapFrame& call) {
  return to_return(
      open_file(argument0(call), argument1(call), uint32_t(argument2(call)), argument3(call)));
}
int64_t sys_creat(TrapFrame& call) {
  constexpr uint32_t kFlags = open_flag::kCreate | open_flag::kWriteOnly | open_flag::kTruncate;
  return to_return(open_file(kFromCurrent, argument0(call), kFlags, argument1(call)));
}

int64_t sys_close(TrapFrame& call) {
  auto table = fd_table();
  if (!table.ok()) return failure(table.error());
  drop_record_locks_of_fd(int(argument0(call)));
  return to_return(close_fd(**table, int(argument0(call))));
}

int64_t sys_close_range(TrapFrame& call) {
  constexpr uint32_t kCloseOnExec = 4;
  auto first = uint32_t(argument0(call)), last = uint32_t(argument1(call));
  auto flags = uint32_t(argument2(call));
  if ((flags & ~kCloseOnExec) != 0 || first > last) return failure(Errno::kEINVAL);
  auto table = fd_table();
  if (!table.ok()) return failure(table.error());
  if (first >= uint32_t(kMaxFds)) return 0;
  for (int fd = next_fd(**table, int(first)); fd >= 0 && uint32_t(fd) <= last;
       fd = next_fd(**table, fd + 1)) {
    if (flags == 0) drop_record_locks_of_fd(fd);
    // Another thread may be faster; and what closing reports is nobody's.
    (void)(flags == 0 ? close_fd(**table, fd) : set_close_on_exec(**table, fd, true));
    if (fd + 1 == kMaxFds) break;
  }
  return 0;
}

int64_t sys_dup(TrapFrame& call) {
  auto file = any_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return(give_fd(file.take(), false));
}
int64_t sys_dup2(TrapFrame& call) {
  auto from = uint32_t(argument0(call)), to = uint32_t(argument1(call));
  if (from == to) {
    auto file = any_file(from);
    return file.ok() ? int64_t(from) : failure(file.error());
  }
  return to_return(duplicate(from, to, false));
}
int64_t sys_dup3(TrapFrame& call) {
  auto from = uint32_t(argument0(call)), to = uint32_t(argument1(call));
  auto flags = uint32_t(argument2(call));
  if ((flags & ~open_flag::kCloseOnExec) != 0 || from == to) return failure(Errno::kEINVAL);
  return to_return(duplicate(from, to, flags != 0));
}

int64_t sys_pipe(TrapFrame& call) { return to_return(make_pipe(argument0(call), 0)); }
int64_t sys_pipe2(TrapFrame& call) {
  return to_return(make_pipe(argument0(call), uint32_t(argument1(call))));
}

}  // namespace cairn
