#include "vfs/file.h"

#include "memory/heap.h"

namespace cairn {

File::~File() {
  if (place && !path_only) inode().on_close(*this);
}

Result<RefPtr<File>> open_place(const Place& place, uint32_t flags) {
  auto* raw = new_object<File>();
  if (raw == nullptr) return Errno::kENOMEM;
  auto file = RefPtr<File>::adopt(raw);
  uint32_t access = flags & open_flag::kAccessMask;
  raw->path_only = (flags & open_flag::kPath) != 0;
  bool both = access == open_flag::kReadWrite;
  raw->readable = !raw->path_only && (both || access == open_flag::kReadOnly);
  raw->writable = !raw->path_only && (both || access == open_flag::kWriteOnly);
  raw->flags = flags & ~(open_flag::kCreate | open_flag::kExclusive | open_flag::kTruncate |
                         open_flag::kNoControllingTerminal | open_flag::kCloseOnExec);
  if (!raw->path_only) {
    TRY(place.inode->on_open(*raw));
  }
  raw->place = place;  // only now: a file that was never open isn't closed
  return file;
}

}  // namespace cairn
