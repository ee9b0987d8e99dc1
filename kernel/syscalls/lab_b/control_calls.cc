// fcntl and ioctl.
#include "address_space/user_copy.h"
#include "special_files/pipe.h"
#include "syscalls/lab_b/record_lock_control.h"
#include "tty/lab_b/pty.h"

namespace cairn {

namespace {

using namespace abi::fcntl_command;

constexpr uint64_t kFdCloseOnExec = 1;

/// Flags that only open() itself looks at.
constexpr uint32_t kOpenOnly = open_flag::kCreate | open_flag::kExclusive |
                               open_flag::kNoControllingTerminal | open_flag::kTruncate |
                               open_flag::kCloseOnExec;

/// Nobody is told by a signal that a file is ready (O_ASYNC, F_SETOWN). EINVAL, EPERM.
Result<int64_t> set_flags(File& file, uint64_t wanted) {
  constexpr uint32_t kAsync = 020000;
  if ((wanted & kAsync) != 0) return Errno::kEINVAL;
  constexpr uint32_t kMask =
      open_flag::kAppend | open_flag::kNonBlocking | open_flag::kDirect | open_flag::kNoAccessTime;
  uint32_t flags = file.flags.load();
  const bool turns_append = ((flags ^ uint32_t(wanted)) & open_flag::kAppend) != 0;
  if (turns_append && (file.inode().protection & Inode::kAppendOnly) != 0) return Errno::kEPERM;
  while (!file.flags.compare_exchange_weak(flags, (flags & ~kMask) | (uint32_t(wanted) & kMask))) {
  }
  return int64_t(0);
}

Result<int64_t> duplicate_from(uint64_t lowest, RefPtr<File> file, bool close_on_exec) {
  if (lowest >= fd_limit()) return Errno::kEINVAL;
  return int64_t(TRY(give_fd(std::move(file), close_on_exec, int(lowest))));
}

Result<int64_t> control_fd(TrapFrame& call) {
  auto fd = int(argument0(call));
  auto command = uint32_t(argument1(call));
  uint64_t argument = argument2(call);
  FdTable& table = *TRY(fd_table());
  RefPtr<File> file = TRY(any_file(argument0(call)));
  switch (command) {
    case kDupFd:
    case kDupFdCloseOnExec:
      return duplicate_from(argument, std::move(file), command == kDupFdCloseOnExec);
    case kGetFd: return int64_t(TRY(get_close_on_exec(table, fd)) ? kFdCloseOnExec : 0);
    case kSetFd: TRY(set_close_on_exec(table, fd, (argument & kFdCloseOnExec) != 0)); return 0;
    case kGetFlags: return int64_t(file->flags.load() & ~kOpenOnly);
    default: break;
  }
  if (file->path_only) return Errno::kEBADF;
  switch (command) {
    case kSetFlags: return set_flags(*file, argument);
    case kGetLock: TRY(control_record_lock(*file, LockCommand::kGet, argument)); return 0;
    case kSetLock: TRY(control_record_lock(*file, LockCommand::kSet, argument)); return 0;
    case kSetLockWait:
      TRY(control_record_lock(*file, LockCommand::kSetWaiting, argument));
      return 0;
    case kGetPipeSize:
      return file->inode().type == FileType::kFifo ? Result<int64_t>(int64_t(Pipe::kCapacity))
                                                   : Errno::kEBADF;
    default: return Errno::kEINVAL;
  }
}

Result<int64_t> control_file(TrapFrame& call) {
  // Source: Linux, include/uapi/asm-generic/ioctls.h, include/uapi/linux/fs.h.
  constexpr uint32_t kFionread = 0x541b, kFionbio = 0x5421, kFionclex = 0x5450, kFioclex = 0x5451;
  constexpr uint32_t kGetBlockSize = 2, kGetPtyPeer = 0x5441;
  auto fd = int(argument0(call));
  auto request = uint32_t(argument1(call));
  VirtAddr argument(argument2(call));
  FdTable& table = *TRY(fd_table());
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Inode& inode = file->inode();
  bool regular = inode.type == FileType::kRegular;
  switch (request) {
    case kGetPtyPeer: {
      const auto flags = uint32_t(argument.value);
      RefPtr<File> peer = TRY(open_pty_peer(*file, flags));
      return int64_t(TRY(give_fd(std::move(peer), (flags & open_flag::kCloseOnExec) != 0)));
    }
    case kFioclex: TRY(set_close_on_exec(table, fd, true)); return 0;
    case kFionclex: TRY(set_close_on_exec(table, fd, false)); return 0;
    case kFionbio: {
      bool on = TRY(read_user<int32_t>(argument)) != 0;
      uint32_t flags = file->flags.load() & ~open_flag::kNonBlocking;
      return set_flags(*file, flags | (on ? open_flag::kNonBlocking : 0));
    }
    case kFionread: {
      if (!regular) break;
      MutexGuard guard(file->position_lock);
      TRY(write_user(argument, int32_t(inode.size.load() - file->position)));
      return 0;
    }
    case kGetBlockSize:
      if (!regular && inode.type != FileType::kDirectory) break;
      TRY(write_user(argument, int32_t(inode.block_size)));
      return 0;
    default: break;
  }
  return inode.control(*file, request, argument.value);
}

}  // namespace

int64_t sys_fcntl(TrapFrame& call) { return to_return(control_fd(call)); }
int64_t sys_ioctl(TrapFrame& call) { return to_return(control_file(call)); }

}  // namespace cairn
