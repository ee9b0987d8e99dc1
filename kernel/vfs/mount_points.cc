// What the rest of the kernel does with the mount table (labs/b-files/mount.cc).
#include "debug/log.h"
#include "memory/heap.h"
#include "vfs/dentry_cache.h"
#include "vfs/mount.h"

namespace cairn {

bool same_place(const Place& left, const Place& right) {
  return left.inode.get() == right.inode.get() && left.mount.get() == right.mount.get();
}

namespace {
// The root while lab B's mount table isn't written: so that the other items can be tried before it.
constinit Mount* root_without_table = nullptr;

RefPtr<Mount> mount_after(const Mount* previous) {
  if (root_without_table == nullptr) return next_mount(previous);
  return previous == nullptr ? RefPtr<Mount>::share(root_without_table) : nullptr;
}

// Taken after mount_lock.
constinit SharedMutex walking{"walk over mounts", LockRank::kMountWalk};

}  // namespace

MountWalk::MountWalk() NO_THREAD_SAFETY_ANALYSIS { walking.lock_shared(); }

MountWalk::~MountWalk() NO_THREAD_SAFETY_ANALYSIS {
  at_ = nullptr;  // before anybody counts
  walking.unlock_shared();
}

Mount* MountWalk::next() {
  at_ = mount_after(at_.get());
  return at_.get();
}

constinit Mutex mount_lock{"mounting", LockRank::kMounting};

Result<void> unmount_place(Place& where) {
  MutexGuard one_at_a_time(mount_lock);
  ExclusiveGuard guard(walking);
  return umount(where);
}

Result<RefPtr<Mount>> make_mount(const Place& covered, RefPtr<FileSystem> file_system,
                                 std::string_view source, bool read_only) {
  RefPtr<Inode> root = TRY(file_system->root());
  static constinit std::atomic<uint32_t> last_id{0};
  auto* made = new_object<Mount>();
  if (made == nullptr) return Errno::kENOMEM;
  made->id = last_id.fetch_add(1) + 1;
  made->file_system = std::move(file_system);
  made->root = std::move(root);
  made->covered = covered;
  made->read_only = read_only;
  source.copy(made->source, sizeof(made->source) - 1);  // the rest is zero
  return RefPtr<Mount>::adopt(made);
}

Result<void> shut_down_unless_mounted(FileSystem& file_system) {
  for (RefPtr<Mount> mount = next_mount(nullptr); mount; mount = next_mount(mount.get())) {
    if (mount->file_system.get() == &file_system) return {};
  }
  dentry_cache_forget_file_system(file_system);
  auto ended = file_system.shut_down();
  file_system.inodes.shrink(UINT64_MAX);
  return ended;
}

Place root_place() {
  RefPtr<Mount> first = mount_after(nullptr);
  if (!first) return {};
  Place root{first, first->root};
  return cross_mounts(std::move(root));
}

Place cross_mounts(Place place) {
  while (place && place.inode->mount_count.load() != 0) {
    RefPtr<Mount> covering = mount_at(place);
    if (!covering) break;
    place = {covering, covering->root};
  }
  return place;
}

namespace {

/// The file system that is mounted from `device` already. EBUSY: another one is, from sectors of its.
Result<RefPtr<FileSystem>> mounted_file_system(const BlockDevice& device) REQUIRES(mount_lock) {
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    const BlockDevice* other = mount->file_system->device;
    if (other == &device) return mount->file_system;
    if (other != nullptr && other->overlaps(device)) return Errno::kEBUSY;
  }
  return RefPtr<FileSystem>();
}

/// What the cache holds of a device that nothing is mounted from may be old: the medium may have
/// changed, or somebody may write to it directly.
Result<void> forget_device_pages(BlockDevice& device) {
  CacheOwner* pages = TRY(device_pages(device));
  TRY(write_back(*pages));
  drop_pages(*pages);
  return {};
}

}  // namespace

Result<void> mount_device(const Place& where, std::string_view device_name, std::string_view type,
                          bool read_only) {
  FileSystemType* kind = find_file_system(type);
  if (kind == nullptr) return Errno::kENODEV;
  // It would be found neither at the next look nor by who takes it away.
  bool lasts = !where || !where.inode->file_system.changes_by_itself ||
               where.inode.get() == where.mount->root.get();
  if (!lasts) return Errno::kEINVAL;
  BlockDevice* device = nullptr;
  RefPtr<FileSystem> file_system;
  MutexGuard one_at_a_time(mount_lock);
  if (kind->needs_device) {
    device = find_block_device(device_name);
    if (device == nullptr) return Errno::kENOTBLK;
    file_system = TRY(mounted_file_system(*device));
    if (file_system && file_system->read_only && !read_only) return Errno::kEBUSY;
  }
  if (!file_system && device != nullptr) TRY(forget_device_pages(*device));
  if (!file_system) file_system = TRY(kind->open(device, read_only));
  read_only |= file_system->read_only;
  auto mounted = mount(where, file_system, device_name, read_only);
  if (!where && mounted.error() == Errno::kENOSYS) {
    auto root = TRY(make_mount({}, file_system, device_name, read_only));
    root->retain();  // for root_without_table
    root_without_table = root.get();
    mounted = {};
  }
  if (!mounted.ok() && file_system->references() == 1) (void)file_system->shut_down();
  return mounted;
}

Result<void> sync_all() {
  Result<void> first;
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    auto synced = mount->file_system->sync();
    if (!synced.ok()) {
      log_error("vfs", "sync of {}: {}", mount->source, errno_name(synced.error()));
      if (first.ok()) first = synced;
    }
  }
  auto devices = sync_device_pages();
  return first.ok() ? devices : first;
}

void stop_file_systems() {
  auto devices = sync_device_pages();
  if (!devices.ok()) log_error("vfs", "sync of devices: {}", errno_name(devices.error()));
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    auto stopped = mount->file_system->shut_down();
    if (!stopped.ok()) log_error("vfs", "{}: {}", mount->source, errno_name(stopped.error()));
  }
}

}  // namespace cairn
