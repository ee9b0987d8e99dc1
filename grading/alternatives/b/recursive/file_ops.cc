// An alternative to labs/b-files/file_ops.cc: one way for reads and one for writes, with or without a
// position.
#include "vfs/file_ops.h"

#include "vfs/dentry_cache.h"

namespace cairn {

namespace {

struct Wish {
  explicit Wish(uint32_t flags)
      : flags(flags),
        path_only(has(open_flag::kPath)),
        make(!path_only && has(open_flag::kCreate)),
        only_new(make && has(open_flag::kExclusive)),
        empty(!path_only && has(open_flag::kTruncate)),
        write(!path_only && (flags & 3) != 0) {}
  bool has(uint32_t flag) const { return (flags & flag) != 0; }
  uint32_t rights() const {
    return ((flags & 3) != 1 ? kMayRead : 0) | (write || empty ? kMayWrite : 0);
  }
  uint32_t flags;
  bool path_only, make, only_new, empty, write;
};

/// Makes the file, or finds that another made it first, and then nothing is fresh.
Result<RefPtr<Inode>> make_file(const LastComponent& last, const Credentials& who, const Wish& wish,
                                uint16_t mode, bool& fresh) {
  Inode& folder = *last.directory.inode;
  ExclusiveGuard hold(folder.lock);
  if (folder.links.load() == 0) return Errno::kENOENT;
  auto there = folder.lookup(last.name());
  if (there.ok() && wish.only_new) return Errno::kEEXIST;
  if (there.ok()) fresh = false;
  if (there.ok()) return there;
  if (there.error() != Errno::kENOENT) return there;
  TRY(check_make(folder, who));
  NewFile file;
  file.permissions = mode;
  file.owner = who.user;
  file.group = who.group;
  auto made = folder.create(last.name(), file);
  if (made.ok()) dentry_cache_add(folder, last.name(), made->get());
  return made;
}

Errno objection(const Wish& wish, const Place& place, bool must_be_directory) {
  switch (place.inode->type) {
    case FileType::kDirectory:
      if (wish.write || wish.empty || wish.make) return Errno::kEISDIR;
      return Errno::kOk;
    case FileType::kSymlink:
      if (must_be_directory) return Errno::kENOTDIR;
      return wish.path_only ? Errno::kOk : Errno::kELOOP;
    default: break;
  }
  if (must_be_directory) return Errno::kENOTDIR;
  bool stored = place.inode->type == FileType::kRegular;
  bool changes = wish.write || wish.empty;
  return stored && changes && place.mount->read_only ? Errno::kEROFS : Errno::kOk;
}

Result<uint64_t> read_from(File& file, IoBuffer& buffer, uint64_t offset) {
  return file.inode().read(file, buffer, offset);
}

Errno refuses(File& file, bool allowed, bool positioned, uint64_t offset) {
  if (!allowed) return Errno::kEBADF;
  if (positioned && int64_t(offset) < 0) return Errno::kEINVAL;
  if (file.inode().type == FileType::kDirectory) return Errno::kEISDIR;
  return positioned && !file.inode().seekable() ? Errno::kESPIPE : Errno::kOk;
}

}  // namespace

Result<RefPtr<File>> vfs_open(const PathContext& context, std::string_view path, uint32_t flags,
                              uint16_t permissions) {
  Wish wish(flags);
  bool slash = !path.empty() && path.back() == '/';
  LastLink end = LastLink::kFollow;
  if (wish.only_new || (!slash && wish.has(open_flag::kNoFollow)) || (slash && wish.make)) {
    end = LastLink::kKeep;
  }
  auto last = resolve_last(context, path, end);
  if (!last.ok()) return last.error();
  if (wish.make && slash) return Errno::kEISDIR;
  if (last->found && wish.only_new) return Errno::kEEXIST;
  Place place = last->found;
  bool fresh = !place;
  if (fresh) {
    if (!wish.make) return Errno::kENOENT;
    if (last->kind != LastComponent::kName) return Errno::kEISDIR;
    if (last->directory.mount->read_only) return Errno::kEROFS;
    place.mount = last->directory.mount;
    place.inode = TRY(make_file(*last, context.who, wish, permissions, fresh));
  }
  bool must_be_directory =
      wish.has(open_flag::kDirectory) || slash || (last->trailing_slash && !fresh);
  Errno error = objection(wish, place, must_be_directory);
  if (error != Errno::kOk) return error;
  if (!fresh && !wish.path_only) TRY(check_access(*place.inode, context.who, wish.rights()));
  if (wish.path_only) flags = open_flag::kPath;
  auto file = open_place(place, flags);
  if (file.ok() && wish.empty && place.inode->type == FileType::kRegular) {
    ExclusiveGuard hold(place.inode->lock);
    auto emptied = place.inode->resize(0);
    if (!emptied.ok()) return emptied.error();
  }
  return file;
}

Result<uint64_t> vfs_read(File& file, IoBuffer& buffer) {
  Errno error = refuses(file, file.readable, false, 0);
  if (error != Errno::kOk) return error;
  if (!file.inode().seekable()) return read_from(file, buffer, 0);
  MutexGuard hold(file.position_lock);
  auto count = read_from(file, buffer, file.position);
  if (count.ok()) file.position = file.position + *count;
  return count;
}

Result<uint64_t> vfs_read_at(File& file, IoBuffer& buffer, uint64_t offset) {
  Errno error = refuses(file, file.readable, true, offset);
  return error != Errno::kOk ? Result<uint64_t>(error) : read_from(file, buffer, offset);
}

Result<uint64_t> vfs_write(File& file, IoBuffer& buffer) {
  Errno error = refuses(file, file.writable, false, 0);
  if (error != Errno::kOk) return error;
  uint64_t at = 0;
  if (!file.inode().seekable()) return file.inode().write(file, buffer, at);
  MutexGuard hold(file.position_lock);
  at = file.position;
  auto count = file.inode().write(file, buffer, at);
  if (count.ok() && *count > 0) file.position = at + *count;
  return count;
}

Result<uint64_t> vfs_write_at(File& file, IoBuffer& buffer, uint64_t offset) {
  Errno error = refuses(file, file.writable, true, offset);
  if (error != Errno::kOk) return error;
  return file.inode().write(file, buffer, offset);
}

Result<uint64_t> vfs_seek(File& file, int64_t offset, Whence whence) {
  Inode& inode = file.inode();
  if (file.path_only) return Errno::kEBADF;
  if (!inode.seekable()) return Errno::kESPIPE;
  MutexGuard hold(file.position_lock);
  int64_t base = 0, target = 0;
  if (whence == Whence::kCurrent) base = int64_t(file.position);
  if (whence == Whence::kEnd) base = int64_t(inode.size.load());
  bool known = uint32_t(whence) <= uint32_t(Whence::kEnd);
  bool overflows = __builtin_add_overflow(base, offset, &target);
  if (!known || overflows || target < 0) return Errno::kEINVAL;
  if (uint64_t(target) > inode.max_size()) return Errno::kEINVAL;
  return file.position = uint64_t(target);
}

Result<void> vfs_close(RefPtr<File> file) {
  bool may_have_written = file->writable && !file->path_only;
  return may_have_written ? take_write_error(file->inode()) : Result<void>();
}

}  // namespace cairn
