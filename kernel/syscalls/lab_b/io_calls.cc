// read, write and their vector and positioned forms; lseek.
#include <algorithm>

#include "address_space/user_copy.h"
#include "arch/layout.h"
#include "memory/heap.h"
#include "process/signal.h"
#include "special_files/device_file.h"
#include "syscalls/console_calls.h"
#include "syscalls/lab_b/user_files.h"
#include "syscalls/lab_b/vector_list.h"

namespace cairn {

namespace {

/// Writes end where files of the process may not go on. EFBIG: they begin there; and the process is told so.
Result<void> keep_to_file_limit(File& file, IoBuffer& buffer, uint64_t offset) {
  if (offset == kAtPosition) offset = file.append() ? file.inode().size.load() : position_of(file);
  TRY(check_file_limit(offset + 1));
  buffer.limit(my_limit(kLimitFileSize) - offset);
  return {};
}

}  // namespace

Result<uint64_t> transfer(File& file, bool write, IoBuffer& buffer, uint64_t offset) {
  if (write && buffer.left() != 0) {
    const bool limited = my_limit(kLimitFileSize) != kNoLimit;
    if (limited && file.inode().type == FileType::kRegular) {
      TRY(keep_to_file_limit(file, buffer, offset));
    }
    TRY(drop_set_ids(file.place));
  }
  if (offset != kAtPosition) {
    return write ? vfs_write_at(file, buffer, offset) : vfs_read_at(file, buffer, offset);
  }
  if (!write) return vfs_read(file, buffer);
  auto written = vfs_write(file, buffer);
  if (written.error() == Errno::kEPIPE) tell_me(kSigPipe);
  return written;
}

namespace {

/// EBADF comes before what is wrong with the memory.
Result<void> check_open_for(const File& file, bool write) {
  return (write ? file.writable : file.readable) ? Result<void>() : Errno::kEBADF;
}

// On every read's and write's way: the file's reference is used where it was put, not moved about.
Result<uint64_t> transfer_one(TrapFrame& call, bool write, uint64_t offset) {
  auto found = usable_file(argument0(call));
  if (!found.ok()) return found.error();
  File& file = **found;
  if (!(write ? file.writable : file.readable)) {
    bool no_offsets = offset != kAtPosition && !file.inode().seekable();
    return no_offsets ? Errno::kESPIPE : Errno::kEBADF;
  }
  uint64_t count = argument2(call);
  TRY(check_memory(argument1(call), count));
  if (offset != kAtPosition) TRY(check_offset(offset, count));
  IoBuffer buffer = IoBuffer::user(VirtAddr(argument1(call)), std::min(count, abi::kMaxTransfer));
  return transfer(file, write, buffer, offset);
}

Result<uint64_t> transfer_at(TrapFrame& call, bool write) {
  if (int64_t(argument3(call)) < 0) return Errno::kEINVAL;
  return transfer_one(call, write, argument3(call));
}

Result<uint64_t> transfer_vectors(TrapFrame& call, bool write, uint64_t offset) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  if (offset != kAtPosition && !file->inode().seekable()) return Errno::kESPIPE;
  VectorList list;
  TRY(list.read(argument1(call), argument2(call)));
  TRY(check_open_for(*file, write));
  if (offset != kAtPosition && list.total() != 0) TRY(check_offset(offset, list.total()));
  if (list.total() == 0) return uint64_t(0);
  IoBuffer buffer = IoBuffer::user(list.all(), list.total());
  return transfer(*file, write, buffer, offset);
}

Result<uint64_t> transfer_vectors_at(TrapFrame& call, bool write) {
  if (int64_t(argument3(call)) < 0) return Errno::kEINVAL;
  return transfer_vectors(call, write, argument3(call));
}

/// What vfs_seek() leaves to its caller: devices, whose end no inode knows, and SEEK_DATA and SEEK_HOLE, as
/// file systems answer that keep no account of holes: all up to the end is data, and the end is a hole.
Result<uint64_t> seek(TrapFrame& call) {
  constexpr uint32_t kSeekData = 3, kSeekHole = 4;
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  auto offset = int64_t(argument1(call));
  auto whence = uint32_t(argument2(call));
  if (whence > kSeekHole) return Errno::kEINVAL;  // even of a pipe
  FileType type = file->inode().type;
  // Character devices that can be positioned at all (null, zero) are always at 0.
  if (type == FileType::kCharacterDevice) return vfs_seek(*file, 0, Whence::kSet);
  if (type == FileType::kBlockDevice && whence == uint32_t(Whence::kEnd)) {
    auto end = int64_t(TRY(block_device_size(file->inode())));
    if (offset > INT64_MAX - end) return Errno::kEINVAL;
    return vfs_seek(*file, end + offset, Whence::kSet);
  }
  bool stored = type == FileType::kRegular || type == FileType::kDirectory;
  if (stored && (whence == kSeekData || whence == kSeekHole)) {
    uint64_t size = file->inode().size.load();
    if (offset < 0 || uint64_t(offset) >= size) return Errno::kENXIO;
    return vfs_seek(*file, whence == kSeekData ? offset : int64_t(size), Whence::kSet);
  }
  return vfs_seek(*file, offset, Whence(whence));
}

}  // namespace

int64_t sys_read(TrapFrame& call) {
  if (current_files().table == nullptr) return console_read(call);
  return to_return(transfer_one(call, false, kAtPosition));
}
int64_t sys_write(TrapFrame& call) {
  if (current_files().table == nullptr) return console_write(call);
  return to_return(transfer_one(call, true, kAtPosition));
}
int64_t sys_pread64(TrapFrame& call) { return to_return(transfer_at(call, false)); }
int64_t sys_pwrite64(TrapFrame& call) { return to_return(transfer_at(call, true)); }
int64_t sys_readv(TrapFrame& call) { return to_return(transfer_vectors(call, false, kAtPosition)); }
int64_t sys_writev(TrapFrame& call) {
  if (current_files().table == nullptr) return console_writev(call);
  return to_return(transfer_vectors(call, true, kAtPosition));
}
int64_t sys_preadv(TrapFrame& call) { return to_return(transfer_vectors_at(call, false)); }
int64_t sys_pwritev(TrapFrame& call) { return to_return(transfer_vectors_at(call, true)); }

/// Advice is heard and not acted on: what is read in order is fetched ahead anyhow.
int64_t sys_fadvise64(TrapFrame& call) {
  constexpr uint32_t kLastAdvice = 5;  // POSIX_FADV_NOREUSE
  auto file = usable_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  if ((*file)->inode().type == FileType::kFifo) return failure(Errno::kESPIPE);
  bool known = uint32_t(argument3(call)) <= kLastAdvice && int64_t(argument2(call)) >= 0;
  return known ? 0 : failure(Errno::kEINVAL);
}

int64_t sys_lseek(TrapFrame& call) { return to_return(seek(call)); }

}  // namespace cairn
