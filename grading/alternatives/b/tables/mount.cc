// An alternative to labs/b-files/mount.cc: the table is one chain in order of mounting, searched from
// its end.
#include "vfs/mount.h"

#include "lib/string.h"
#include "memory/heap.h"

namespace cairn {

namespace {

struct Row {
  RefPtr<Mount> mount;
  Row* older = nullptr;
  Row* newer = nullptr;
};

constinit Spinlock rows_lock{"mount rows", LockRank::kMounts};
constinit Row* oldest = nullptr;
constinit Row* newest = nullptr;

Row* row_of(const Mount& mount) {
  for (Row* row = newest; row != nullptr; row = row->older) {
    if (row->mount.get() == &mount) return row;
  }
  return nullptr;
}

Row* row_over(const Place& place) {
  for (Row* row = newest; row != nullptr; row = row->older) {
    const Place& covered = row->mount->covered;
    if (covered && same_place(covered, place)) return row;
  }
  return nullptr;
}

void unlink_row(Row& row) {
  (row.older != nullptr ? row.older->newer : oldest) = row.newer;
  (row.newer != nullptr ? row.newer->older : newest) = row.older;
}

}  // namespace

Result<void> mount(const Place& where, RefPtr<FileSystem> file_system, std::string_view source,
                   bool read_only) {
  auto top = file_system->root();
  if (!top.ok()) return top.error();
  if (where) {
    if (where.inode->type != FileType::kDirectory) return Errno::kENOTDIR;
    if (where.inode.get() == top->get()) return Errno::kEBUSY;
  }
  RefPtr<Mount> fresh = RefPtr<Mount>::adopt(new_object<Mount>());
  Row* row = new_object<Row>();
  if (!fresh || row == nullptr) {
    delete row;
    return Errno::kENOMEM;
  }
  fresh->root = top.take();
  fresh->file_system = std::move(file_system);
  fresh->read_only = read_only;
  fresh->covered = where;
  size_t length = source.size() < sizeof(fresh->source) ? source.size() : sizeof(fresh->source) - 1;
  memcpy(fresh->source, source.data(), length);
  row->mount = std::move(fresh);

  if (where) where.inode->lock.lock_shared();  // nobody removes it until it counts as covered
  Errno refused = Errno::kOk;
  if (where && where.inode->links.load() == 0) refused = Errno::kENOENT;
  if (refused == Errno::kOk) {
    Guard hold(rows_lock);
    if (where ? row_over(where) != nullptr : oldest != nullptr) refused = Errno::kEBUSY;
    if (refused == Errno::kOk) {
      row->older = newest;
      (newest != nullptr ? newest->newer : oldest) = row;
      newest = row;
      if (where) where.inode->mount_count.fetch_add(1);
    }
  }
  if (where) where.inode->lock.unlock_shared();
  if (refused == Errno::kOk) return {};
  delete row;
  return refused;
}

Result<void> umount(Place& where) {
  if (where.mount->root.get() != where.inode.get()) return Errno::kEINVAL;
  Row* row;
  {
    Guard hold(rows_lock);
    row = row_of(*where.mount);
    if (row == nullptr) return Errno::kEINVAL;
    constexpr uint32_t kTableAndCaller = 2;
    bool is_root = !row->mount->covered;
    if (is_root || row->mount->references() > kTableAndCaller) return Errno::kEBUSY;
    unlink_row(*row);
    row->mount->covered.inode->mount_count.fetch_sub(1);
  }
  RefPtr<FileSystem> left = row->mount->file_system;
  where = Place();
  delete row;
  return shut_down_unless_mounted(*left);
}

RefPtr<Mount> mount_at(const Place& place) {
  Guard hold(rows_lock);
  Row* row = row_over(place);
  return row == nullptr ? RefPtr<Mount>() : row->mount;
}

RefPtr<Mount> next_mount(const Mount* previous) {
  Guard hold(rows_lock);
  Row* row = oldest;
  if (previous != nullptr) {
    row = row_of(*previous);
    if (row != nullptr) row = row->newer;
  }
  return row == nullptr ? RefPtr<Mount>() : row->mount;
}

}  // namespace cairn
