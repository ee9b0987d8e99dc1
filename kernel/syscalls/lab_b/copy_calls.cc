// sendfile, copy_file_range: from file to file without a program's memory between.
#include <algorithm>

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

/// Moves bytes from file to file through a buffer of the kernel's, at their positions or at the offsets, which then
/// go on. Bytes moved.
Result<uint64_t> copy(File& in, uint64_t* in_offset, File& out, uint64_t* out_offset,
                      uint64_t count) {
  constexpr uint64_t kPiece = 16 << 10;  // bytes
  void* memory = heap_allocate(kPiece);
  if (memory == nullptr) return Errno::kENOMEM;
  uint64_t done = 0;
  Result<void> failed;
  while (done < count && failed.ok()) {
    uint64_t wanted = std::min(kPiece, count - done);
    IoBuffer into = IoBuffer::kernel(memory, wanted);
    auto got = in_offset != nullptr ? vfs_read_at(in, into, *in_offset) : vfs_read(in, into);
    if (!got.ok()) failed = got.error();
    if (!got.ok() || *got == 0) break;
    IoBuffer from = IoBuffer::kernel(static_cast<const void*>(memory), *got);
    auto put = transfer(out, true, from, out_offset != nullptr ? *out_offset : kAtPosition);
    uint64_t moved = put.ok() ? *put : 0;
    done += moved;
    if (in_offset != nullptr) *in_offset += moved;
    if (out_offset != nullptr) *out_offset += moved;
    // What was read but not taken is read again next time.
    if (in_offset == nullptr && moved < *got) {
      (void)vfs_seek(in, -int64_t(*got - moved), Whence::kCurrent);
    }
    if (!put.ok()) failed = put.error();
    if (moved < *got) break;
  }
  heap_free(memory);
  if (done == 0 && !failed.ok()) return failed.error();
  return done;
}

Result<uint64_t> send_file(TrapFrame& call) {
  uint64_t offset_address = argument2(call), offset = 0;
  if (offset_address != 0) offset = TRY(read_user<uint64_t>(VirtAddr(offset_address)));
  RefPtr<File> in = TRY(usable_file(argument1(call)));
  if (!in->readable) return Errno::kEBADF;
  if (offset_address != 0 && !in->inode().seekable()) return Errno::kESPIPE;
  if (offset_address != 0 && int64_t(offset) < 0) return Errno::kEINVAL;
  if (argument3(call) > uint64_t(INT64_MAX)) return Errno::kEINVAL;
  TRY(check_offset(offset_address != 0 ? offset : position_of(*in), argument3(call)));
  RefPtr<File> out = TRY(usable_file(argument0(call)));
  if (!out->writable) return Errno::kEBADF;
  if (!in->inode().seekable() || out->append()) return Errno::kEINVAL;
  uint64_t count = std::min(argument3(call), abi::kMaxTransfer);
  if (in->inode().type == FileType::kDirectory && count != 0) return Errno::kEINVAL;
  uint64_t done = TRY(copy(*in, offset_address != 0 ? &offset : nullptr, *out, nullptr, count));
  if (offset_address != 0) TRY(write_user(VirtAddr(offset_address), offset));
  return done;
}

/// One end of copy_file_range(): at the offset that a program keeps at `address`, or at the file's position.
struct CopyEnd {
  RefPtr<File> file;
  uint64_t address = 0, offset = 0;

  Result<void> read(uint64_t fd, uint64_t from) {
    address = from;
    if (address != 0) offset = TRY(read_user<uint64_t>(VirtAddr(address)));
    file = TRY(usable_file(fd));
    return {};
  }
  uint64_t* explicit_offset() { return address != 0 ? &offset : nullptr; }
  uint64_t start() const { return address != 0 ? offset : position_of(*file); }
  Result<void> store() const {
    return address != 0 ? write_user(VirtAddr(address), offset) : Result<void>();
  }
};

/// In Linux's order. EBADF, EISDIR, EINVAL (no regular files, or they overlap), EXDEV, EOVERFLOW.
Result<uint64_t> check_copy(const CopyEnd& in, const CopyEnd& out, uint64_t count) {
  File &from = *in.file, &to = *out.file;
  Inode &source = from.inode(), &target = to.inode();
  if (!from.readable || !to.writable || to.append()) return Errno::kEBADF;
  for (const Inode* inode : {&source, &target}) {
    if (inode->type == FileType::kDirectory) return Errno::kEISDIR;
  }
  if (source.type != FileType::kRegular || target.type != FileType::kRegular) return Errno::kEINVAL;
  if (&source.file_system != &target.file_system) return Errno::kEXDEV;
  uint64_t from_start = in.start(), to_start = out.start();
  if (from_start + count < from_start || to_start + count < to_start) return Errno::kEOVERFLOW;
  if (int64_t(from_start) < 0 || int64_t(to_start) < 0) return Errno::kEINVAL;
  uint64_t size = source.size.load();
  count = std::min({count, abi::kMaxTransfer, size > from_start ? size - from_start : 0});
  TRY(check_file_limit(to_start + (count != 0)));
  bool overlaps = to_start < from_start + count && from_start < to_start + count;
  return &source == &target && overlaps ? Result<uint64_t>(Errno::kEINVAL) : count;
}

Result<uint64_t> copy_range(TrapFrame& call) {
  CopyEnd in, out;
  TRY(in.read(argument0(call), argument1(call)));
  TRY(out.read(argument2(call), argument3(call)));
  if (uint32_t(argument5(call)) != 0) return Errno::kEINVAL;
  uint64_t count = TRY(check_copy(in, out, argument4(call)));
  uint64_t done =
      TRY(copy(*in.file, in.explicit_offset(), *out.file, out.explicit_offset(), count));
  TRY(in.store());
  TRY(out.store());
  return done;
}

}  // namespace

int64_t sys_sendfile(TrapFrame& call) { return to_return(send_file(call)); }
int64_t sys_copy_file_range(TrapFrame& call) { return to_return(copy_range(call)); }

}  // namespace cairn
