#include "syscalls/lab_b/user_files.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "process/signal.h"

namespace cairn {

UserPath::~UserPath() { heap_free(long_); }

Result<void> UserPath::read(uint64_t address) {
  // In small pieces that don't reach into another page, nor beyond the longest path: what follows the string
  // may not be there.
  constexpr uint64_t kPiece = 64;
  char* buffer = short_;
  uint64_t capacity = kShort, length = 0;
  while (length < kMaxPathLength) {
    uint64_t piece =
        std::min(kPiece - (address + length) % kPiece, uint64_t(kMaxPathLength - length));
    if (length + piece > capacity) {
      long_ = static_cast<char*>(heap_allocate(kMaxPathLength));
      if (long_ == nullptr) return Errno::kENOMEM;
      memcpy(long_, short_, length);
      buffer = long_;
      capacity = kMaxPathLength;
    }
    TRY(copy_from_user(buffer + length, VirtAddr(address + length), piece));
    const void* end = memchr(buffer + length, 0, piece);
    if (end != nullptr) {
      text_ = {buffer, uint64_t(static_cast<const char*>(end) - buffer)};
      return {};
    }
    length += piece;
  }
  return Errno::kENAMETOOLONG;
}

/// Descriptors are given lowest first, so of most tables the last that may be given shows it.
bool has_free_fd(FdTable& table) {
  const auto limit = int(fd_limit());
  if (limit != 0 && next_fd(table, limit - 1) < 0) return true;
  for (int fd = 0; fd < limit; fd++) {
    if (next_fd(table, fd) != fd) return true;
  }
  return false;
}

Result<int> give_fd(RefPtr<File> file, bool close_on_exec, int lowest) {
  FdTable& table = *TRY(fd_table());
  int fd = TRY(allocate_fd(table, std::move(file), close_on_exec, lowest));
  if (uint64_t(fd) < fd_limit()) return fd;
  (void)close_fd(table, fd);
  return Errno::kEMFILE;
}

Result<void> PathStart::find(uint64_t dirfd, std::string_view path) {
  context_ = current_files().context();
  if (!context_.root) return Errno::kENOENT;
  if (int(dirfd) == abi::kCurrentDirectory || path.starts_with('/')) return {};
  RefPtr<File> file = TRY(any_file(dirfd));
  if (file->inode().type != FileType::kDirectory) return Errno::kENOTDIR;
  context_.current = file->place;
  return {};
}

void tell_me(unsigned signal) {
  const Process& me = *current_process();
  send_signal_to_me(SignalInfo::from_process(signal, kFromUser, me.pid.value, me.ids.user.real));
}

Result<void> check_file_limit(uint64_t size) {
  if (size <= my_limit(kLimitFileSize)) return {};
  tell_me(kSigFileSize);
  return Errno::kEFBIG;
}

Result<void> drop_set_ids(const Place& place) {
  Credentials who = current_files().who();
  if (who.is_root() || place.inode->type != FileType::kRegular) return {};
  Attributes file = place.inode->attributes();
  AttributeChange change;
  change.which = AttributeChange::kPermissions;
  change.values.permissions = without_set_ids(file.permissions, who.in_group(file.group));
  if (change.values.permissions == file.permissions) return {};
  return vfs_set_attributes(place, change);
}

Result<Place> find_place(uint64_t dirfd, uint64_t path_address, uint64_t flags,
                         const Credentials* who) {
  UserPath path;
  TRY(path.read(path_address));
  if (path.empty() && (flags & abi::kAtEmptyPath) != 0) {
    if (int(dirfd) == abi::kCurrentDirectory) {
      Place current = current_files().context().current;
      return current ? Result<Place>(current) : Errno::kENOENT;
    }
    RefPtr<File> file = TRY(any_file(dirfd));
    return file->place;
  }
  bool keep_link = (flags & abi::kAtSymlinkNoFollow) != 0;
  PathStart start;
  if (path.empty()) return Errno::kENOENT;  // whatever the descriptor
  TRY(start.find(dirfd, path.text()));
  if (who != nullptr) start.search_as(*who);
  return resolve_path(start.context(), path.text(),
                      keep_link ? LastLink::kKeep : LastLink::kFollow);
}

}  // namespace cairn
