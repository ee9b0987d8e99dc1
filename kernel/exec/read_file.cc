#include "exec/elf.h"

namespace cairn {

Result<uint64_t> read_some(File& file, void* to, uint64_t offset, uint64_t size) {
  if (offset > uint64_t(INT64_MAX)) return Errno::kEINVAL;
  IoBuffer buffer = IoBuffer::kernel(to, size);
  uint64_t done = 0;
  while (done < size) {
    uint64_t count = TRY(file.inode().read(file, buffer, offset + done));
    if (count == 0) break;
    done += count;
  }
  return done;
}

Result<void> read_exactly(File& file, void* to, uint64_t offset, uint64_t size) {
  uint64_t count = TRY(read_some(file, to, offset, size));
  return count == size ? Errno::kOk : Errno::kEIO;
}

}  // namespace cairn
