// LAB B5: the mount table. Contract: kernel/vfs/mount.h.
// handouts/b-files.md#b5 explains it; check with: make grade LAB=b K=B5
#include "vfs/mount.h"

#include "lib/not_implemented.h"
#include "memory/heap.h"

namespace cairn {

// BEGIN SOLUTION B5
// STARTER:
namespace {

/// A mount in the table: in order of mounting, and hashed by what it covers.
struct Entry {
  RefPtr<Mount> mount;
  ListLink order_link;
  Entry* next_in_bucket = nullptr;
};

constexpr uint32_t kBuckets = 64;

struct MountTable {
  Spinlock lock{"mounts", LockRank::kMounts};  // held to look, and to change the links
  List<Entry, &Entry::order_link> entries GUARDED_BY(lock);
  Entry* buckets[kBuckets] GUARDED_BY(lock) = {};

  Entry** bucket(const Place& covered) REQUIRES(lock) {
    return &buckets[reinterpret_cast<uint64_t>(covered.inode.get()) / 64 % kBuckets];
  }
  Entry* covering(const Place& place) REQUIRES(lock) {
    Entry* entry = *bucket(place);
    while (entry != nullptr && !same_place(entry->mount->covered, place)) {
      entry = entry->next_in_bucket;
    }
    return entry;
  }
  void insert(Entry& entry) REQUIRES(lock) {
    entries.push_back(entry);
    if (!entry.mount->covered) return;
    Entry** head = bucket(entry.mount->covered);
    entry.next_in_bucket = *head;
    *head = &entry;
    entry.mount->covered.inode->mount_count.fetch_add(1);
  }
  void remove(Entry& entry) REQUIRES(lock) {
    List<Entry, &Entry::order_link>::remove(entry);
    Entry** at = bucket(entry.mount->covered);
    while (*at != &entry) at = &(*at)->next_in_bucket;
    *at = entry.next_in_bucket;
    entry.mount->covered.inode->mount_count.fetch_sub(1);
  }
};

constinit MountTable mount_table;

/// Puts an entry into the table, unless something is in the way.
Result<void> put_in(Entry& entry) {
  const Place& where = entry.mount->covered;
  Guard guard(mount_table.lock);
  // Somebody may have mounted here since the caller looked: then what they mounted is in the way.
  bool in_the_way = where ? mount_table.covering(where) != nullptr : !mount_table.entries.empty();
  if (in_the_way) return Errno::kEBUSY;
  mount_table.insert(entry);
  return {};
}

/// The same where the entry covers a directory, which is not removed meanwhile: rmdir and rename hold the
/// directory's lock while they look at mount_count and remove it.
Result<void> cover(Inode& directory, Entry& entry) {
  SharedGuard guard(directory.lock);
  if (directory.links.load() == 0) return Errno::kENOENT;
  return put_in(entry);
}

/// Takes the mount whose root is `where` out of the table, if only the table and `where` refer to it.
Result<Entry*> take_out(const Place& where) {
  Guard guard(mount_table.lock);
  if (!where.mount->covered) return Errno::kEBUSY;  // the root stays
  Entry* entry = mount_table.covering(where.mount->covered);
  if (entry == nullptr || entry->mount.get() != where.mount.get()) return Errno::kEINVAL;
  if (where.mount->references() != 2) return Errno::kEBUSY;
  mount_table.remove(*entry);
  return entry;
}

}  // namespace
// END SOLUTION

Result<void> mount(const Place& where, RefPtr<FileSystem> file_system, std::string_view source,
                   bool read_only) {
  // BEGIN SOLUTION B5
  // STARTER: if (!where) return Errno::kENOSYS;  // the root is there without a table (mount_points.cc)
  // STARTER: return not_implemented("B5");
  RefPtr<Mount> made = TRY(make_mount(where, std::move(file_system), source, read_only));
  if (where && where.inode->type != FileType::kDirectory) return Errno::kENOTDIR;
  if (where && where.inode.get() == made->root.get()) return Errno::kEBUSY;
  auto* entry = new_object<Entry>();
  if (entry == nullptr) return Errno::kENOMEM;
  entry->mount = std::move(made);
  auto mounted = where ? cover(*where.inode, *entry) : put_in(*entry);
  if (!mounted.ok()) delete entry;
  return mounted;
  // END SOLUTION
}

Result<void> umount(Place& where) {
  // BEGIN SOLUTION B5
  // STARTER: return not_implemented("B5");
  if (where.inode.get() != where.mount->root.get()) return Errno::kEINVAL;
  Entry* entry = TRY(take_out(where));
  RefPtr<FileSystem> file_system = where.mount->file_system;
  where = {};
  delete entry;  // and with it the mount, its root and what it covered
  return shut_down_unless_mounted(*file_system);
  // END SOLUTION
}

RefPtr<Mount> mount_at(const Place& place) {
  // BEGIN SOLUTION B5
  // STARTER: (void)place;
  // STARTER: return nullptr;
  Guard guard(mount_table.lock);
  Entry* entry = mount_table.covering(place);
  return entry != nullptr ? entry->mount : nullptr;
  // END SOLUTION
}

RefPtr<Mount> next_mount(const Mount* previous) {
  // BEGIN SOLUTION B5
  // STARTER: (void)previous;
  // STARTER: return nullptr;
  Guard guard(mount_table.lock);
  bool found = previous == nullptr;
  for (Entry& entry : mount_table.entries) {
    if (found) return entry.mount;
    found = entry.mount.get() == previous;
  }
  return nullptr;
  // END SOLUTION
}

}  // namespace cairn
