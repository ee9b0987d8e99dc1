#include "vfs/file.h"

#include "memory/heap.h"

namespace cairn {

namespace {

/// Nobody writes to a file while it is executed.
Result<void> begin_use(File& file, uint32_t flags) {
  Inode& inode = file.inode();
  if (inode.type != FileType::kRegular || file.path_only) return {};
  const int use = file.writable ? 1 : (flags & open_flag::kExecute) != 0 ? -1 : 0;
  const bool cuts = (flags & open_flag::kTruncate) != 0;  // which a reader may, too
  int before = inode.uses.load();
  do {
    if (before * use < 0 || (cuts && before < 0)) return Errno::kETXTBSY;
  } while (use != 0 && !inode.uses.compare_exchange_weak(before, before + use));
  file.use = use;
  return {};
}

}  // namespace

File::~File() {
  if (!place || path_only) return;
  if (was_watched.load()) forget_watches(*this);
  inode().uses.fetch_sub(use);
  inode().on_close(*this);
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
                         open_flag::kCloseOnExec);
  if (!raw->path_only) {
    TRY(place.inode->on_open(*raw));
  }
  raw->place = place;  // only now: a file that was never open isn't closed
  TRY(begin_use(*raw, flags));
  return file;
}

}  // namespace cairn
