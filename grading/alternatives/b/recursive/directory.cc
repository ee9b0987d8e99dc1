// An alternative to labs/b-files/directory.cc: the position moves in one place, whatever the outcome.
#include "vfs/directory.h"

namespace cairn {

Result<RefPtr<File>> opendir(const Place& directory) {
  bool right = directory.inode->type == FileType::kDirectory;
  return right ? open_place(directory, open_flag::kDirectory) : Errno::kENOTDIR;
}

Result<bool> readdir(File& directory, DirectoryEntry& entry) {
  if (directory.inode().type != FileType::kDirectory) return Errno::kENOTDIR;
  MutexGuard one_reader(directory.position_lock);
  uint64_t& here = directory.position;
  SharedGuard entries_stay(directory.inode().lock);
  bool removed = directory.inode().links.load() == 0;
  if (removed) return Errno::kENOENT;
  auto found = directory.inode().read_entry(here, entry);
  here = found.ok() && *found ? entry.next_position : here;
  return found;
}

void seekdir(File& directory, uint64_t position) {
  MutexGuard one_reader(directory.position_lock);
  directory.position = position;
}

void closedir(RefPtr<File> directory) { RefPtr<File> last = std::move(directory); }

}  // namespace cairn
