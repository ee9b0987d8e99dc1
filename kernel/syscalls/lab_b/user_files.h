// How the file system calls find what their arguments mean: descriptors, paths, places.
//
// Not syscalls/table.h: what that declares is weak, and these handlers take the place of the weak
// ones that stand in for lab B (standins/b.cc).
#pragma once

#include <string_view>

#include "lib/not_implemented.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/lab_b/abi.h"
#include "vfs/file_ops.h"
#include "vfs/name_ops.h"
#include "vfs/process_files.h"

namespace cairn {

inline ProcessFiles& current_files() { return *current_process()->files; }

/// A handler's result: a value of 0 or more, or the negated error.
template <class T>
int64_t to_return(Result<T> result) {
  return result.ok() ? int64_t(*result) : failure(result.error());
}

/// The process's descriptors; never null. ENOSYS while lab B's table isn't written.
inline Result<FdTable*> fd_table() {
  FdTable* table = current_files().table;
  if (table == nullptr) return not_implemented("B2");
  return table;
}

/// The open file behind a descriptor. EBADF.
inline Result<RefPtr<File>> any_file(uint64_t fd) {
  return get_file_by_fd(*TRY(fd_table()), int(fd));
}
/// The same for calls that do something with the file: EBADF for an O_PATH one, too.
inline Result<RefPtr<File>> usable_file(uint64_t fd) {
  auto file = any_file(fd);
  if (file.ok() && (*file)->path_only) [[unlikely]]
    return Errno::kEBADF;
  return file;
}

/// Descriptors from here on are beyond the process's limit.
inline uint64_t fd_limit() { return std::min(my_limit(kLimitFiles), uint64_t(kMaxFds)); }
/// Whether give_fd() has one to give: for calls that do what can't be undone before they know their file.
bool has_free_fd(FdTable& table);
/// The lowest free descriptor that is at least `lowest`, for `file`. EMFILE, ENOMEM.
Result<int> give_fd(RefPtr<File> file, bool close_on_exec, int lowest = 0);

/// May sleep.
inline uint64_t position_of(File& file) {
  MutexGuard guard(file.position_lock);
  return file.position;
}

constexpr uint64_t kAtPosition = UINT64_MAX;
/// Reads into `buffer` or writes what is in it: at the file's position, or at `offset` if that isn't kAtPosition.
/// Bytes moved. Keeps to the process's limit for files, and takes set-ID bits from a file that is written.
Result<uint64_t> transfer(File& file, bool write, IoBuffer& buffer, uint64_t offset);
/// Bytes at the largest positions would have none: EINVAL.
inline Result<void> check_offset(uint64_t offset, uint64_t count) {
  return offset + count > uint64_t(INT64_MAX) ? Errno::kEINVAL : Result<void>();
}

/// A signal for what the running process itself did, as if it had sent it.
void tell_me(unsigned signal);
/// EFBIG, and SIGXFSZ: a file of so many bytes is larger than the running process may make one.
Result<void> check_file_limit(uint64_t size);

/// Before the caller changes what is in a file: others than root take away its rights to run as its owner or
/// group. EROFS, EIO.
Result<void> drop_set_ids(const Place& place);

/// A path that a program passed. Short ones, as nearly all are, need no memory from the heap.
class UserPath {
 public:
  UserPath() = default;
  UserPath(const UserPath&) = delete;
  UserPath& operator=(const UserPath&) = delete;
  ~UserPath();
  /// EFAULT, ENAMETOOLONG (kMaxPathLength and more with its NUL), ENOMEM.
  Result<void> read(uint64_t address);
  std::string_view text() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  static constexpr size_t kShort = 192;  // bytes
  char short_[kShort];
  char* long_ = nullptr;
  std::string_view text_;
};

/// Where a path of a …at() call starts.
class PathStart {
 public:
  /// EBADF, ENOTDIR; neither for an absolute path, which doesn't look at the descriptor. ENOENT without a
  /// root.
  Result<void> find(uint64_t dirfd, std::string_view path);
  const PathContext& context() const { return context_; }
  void search_as(const Credentials& who) { context_.who = who; }

 private:
  PathContext context_;
};

/// What `dirfd` and `path` name. `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (then an empty path is
/// what `dirfd` itself refers to, the current directory for AT_FDCWD); others are ignored. `who` searches the
/// directories on the way; null: the one that files are opened for.
Result<Place> find_place(uint64_t dirfd, uint64_t path_address, uint64_t flags,
                         const Credentials* who = nullptr);

/// A path and where it starts: what calls that change names need. EFAULT … as above.
struct UserName {
  UserPath path;
  PathStart start;
  Result<void> read(uint64_t dirfd, uint64_t address) {
    TRY(path.read(address));
    return find(dirfd);
  }
  Result<void> find(uint64_t dirfd) {
    if (path.empty()) return Errno::kENOENT;
    return start.find(dirfd, path.text());
  }
  const PathContext& context() const { return start.context(); }
};

inline constexpr uint64_t kFromCurrent = uint64_t(int64_t(abi::kCurrentDirectory));

/// `mode & ~umask`, without the type.
inline uint16_t new_permissions(uint64_t mode) {
  return uint16_t(mode & 07777 & ~uint64_t(current_files().umask.load()));
}

}  // namespace cairn
