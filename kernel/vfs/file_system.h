// File systems: what mount() brings in. One object a mounted device, however often it is mounted.
#pragma once

#include "sched/mutex.h"
#include "vfs/inode_cache.h"

namespace cairn {

class FileSystem : public RefCounted<FileSystem> {
 public:
  const char* const type_name;  // "ext2"
  BlockDevice* const device;    // null: none
  const bool read_only;
  const uint64_t device_number;  // stat()'s: the device's, or one of its own
  /// Its names come and go by themselves: none is remembered, and nothing is mounted below its root.
  bool changes_by_itself = false;  // set once, before anybody uses it

  InodeCache inodes;
  /// One rename between directories at a time, so that no two can build a circle.
  Mutex rename_lock{"rename", LockRank::kRename};

  /// The root directory, with a reference. EIO.
  virtual Result<RefPtr<Inode>> root() = 0;
  virtual FileSystemStatistics statistics() = 0;
  /// The directory of that number; null if there is none. Whoever has the number may have had it for long, so it may be
  /// another's now. May sleep.
  virtual RefPtr<Inode> directory_at(InodeNumber number) {
    return inodes.find(number, InodeCache::Deleted::kIgnore);
  }
  /// All that was written before is on the device when this returns. EIO.
  virtual Result<void> sync() { return {}; }
  /// The last mount goes: writes everything, marks the device clean. After it no call comes in.
  virtual Result<void> shut_down() { return sync(); }
  /// An inode without links has lost its last user: frees what it has on the device. Called before
  /// it is destroyed; may sleep.
  virtual void delete_inode(Inode& inode) {}
  /// Frees what it has in memory, and then itself: Inode::free_after_readers(). May sleep.
  virtual void destroy_inode(Inode& inode) = 0;

 protected:
  friend class RefCounted<FileSystem>;
  FileSystem(const char* type_name, BlockDevice* device, bool read_only);
  virtual ~FileSystem();

 private:
  ListLink all_link_;  // of all that are open, for debuggers (vfs/file_system.cc)
  friend struct OpenFileSystems;
  static uint64_t number_for(const BlockDevice* device);  // special_files/device_file.cc
};

/// A kind of file system that can be mounted.
struct FileSystemType {
  const char* name;
  bool needs_device;
  /// EINVAL: the device holds no such file system; EUCLEAN: it is damaged; EIO, ENOMEM. If it can only
  /// be read (unknown features, a read-only device), it comes up read-only and the log says why.
  Result<RefPtr<FileSystem>> (*open)(BlockDevice* device, bool read_only);
  ListLink link;
};
/// At boot, from one thread.
void register_file_system(FileSystemType& type);
/// Null if there is none.
FileSystemType* find_file_system(std::string_view name);
FileSystemType* next_file_system(const FileSystemType* previous);

}  // namespace cairn
