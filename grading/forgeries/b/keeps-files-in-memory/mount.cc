// A forgery: whatever is to be mounted, the answer is success and the same root in memory. Nothing is ever
// written to a disk.
#include "vfs/mount.h"

#include "lib/not_implemented.h"
#include "memory/heap.h"
#include "vfs/file_system.h"

namespace cairn {

namespace {

constexpr int kMost = 16;
constinit Mount* mounts[kMost] = {};

}  // namespace

Result<void> mount(const Place& where, RefPtr<FileSystem> file_system, std::string_view source,
                   bool read_only) {
  for (Mount*& slot : mounts) {
    if (slot != nullptr) continue;
    RefPtr<Inode> root = mounts[0] != nullptr ? mounts[0]->root : TRY(file_system->root());
    slot = new_object<Mount>();
    if (slot == nullptr) return Errno::kENOMEM;
    slot->file_system = mounts[0]->file_system ? mounts[0]->file_system : std::move(file_system);
    slot->root = std::move(root);
    slot->covered = where;
    slot->read_only = read_only;
    source.copy(slot->source, sizeof(slot->source) - 1);
    return {};
  }
  return {};
}

Result<void> umount(Place& where) {
  where = {};
  return {};
}

RefPtr<Mount> mount_at(const Place&) { return {}; }

RefPtr<Mount> next_mount(const Mount* previous) {
  if (previous == nullptr) return RefPtr<Mount>::share(mounts[0]);
  for (int i = 0; i + 1 < kMost; i++) {
    if (mounts[i] == previous) return RefPtr<Mount>::share(mounts[i + 1]);
  }
  return {};
}

}  // namespace cairn
