// Inodes: files of all kinds as the kernel holds them in memory, and the file systems they belong to.
//
// An inode that somebody refers to exists once (vfs/inode_cache.h). When its last reference goes, it
// stays in memory for the next user, or is destroyed if it has no links left: so dropping a
// reference may sleep, and is not done while spinlocks are held. Its memory is freed only after an RCU
// grace period, so a reader (the directory-entry cache) may look at an inode that it has no reference to.
#pragma once

#include "address_space/io_buffer.h"
#include "lib/ref_ptr.h"
#include "page_cache/page_cache.h"
#include "sched/rcu.h"
#include "sched/shared_mutex.h"

namespace cairn {

struct File;
struct Place;
class FileSystem;

/// The values are those of ext2's directory entries and of Linux's DT_… / 0x1000 of st_mode.
enum class FileType : uint8_t {
  kUnknown = 0,
  kRegular = 1,
  kDirectory = 2,
  kCharacterDevice = 3,
  kBlockDevice = 4,
  kFifo = 5,
  kSocket = 6,
  kSymlink = 7,
};
/// S_IFREG and so on: the type bits of st_mode; and back (kUnknown for others).
uint32_t mode_bits(FileType type);
FileType type_of_mode(uint32_t mode);

inline constexpr size_t kMaxNameLength = 255;   // bytes of one component
inline constexpr size_t kMaxPathLength = 4096;  // bytes, NUL included

struct Timestamp {
  int64_t seconds = 0;  // since 1970
  uint32_t nanoseconds = 0;
};
Timestamp current_time();

/// What stat() tells.
struct Attributes {
  uint16_t permissions = 0;  // 07777
  uint32_t owner = 0, group = 0;
  uint32_t links = 0;
  uint64_t size = 0;     // bytes
  uint64_t sectors = 0;  // of 512 bytes, in use on the device
  uint64_t device = 0;   // of device files: makedev(major, minor) as Linux's dev_t
  Timestamp accessed, modified, changed;
};

/// A new file.
struct NewFile {
  FileType type = FileType::kRegular;
  uint16_t permissions = 0;  // umask applied
  uint32_t owner = 0, group = 0;
  uint64_t device = 0;        // device files
  std::string_view target{};  // symbolic links
};

struct DirectoryEntry {
  InodeNumber inode{};
  FileType type = FileType::kUnknown;
  uint64_t next_position = 0;  // where the entry after it is read
  uint16_t name_length = 0;
  char name_bytes[kMaxNameLength + 1] = {};
  std::string_view name() const { return {name_bytes, name_length}; }
};

/// Which attributes set_attributes() is to change.
struct AttributeChange {
  enum : uint32_t { kPermissions = 1, kOwner = 2, kGroup = 4, kAccessed = 8, kModified = 16 };
  uint32_t which = 0;
  Attributes values;  // the others are ignored; `changed` becomes now
};

/// Readiness, with poll()'s values.
inline constexpr uint32_t kPollIn = 1, kPollOut = 4, kPollError = 8, kPollHangUp = 16;
inline constexpr uint32_t kPollReadHangUp = 0x2000;  // sockets: the other side sends no more

/// What poll() and epoll call readiness, both names of each.
constexpr uint32_t with_second_names(uint32_t ready) {
  constexpr uint32_t kNormalIn = 0x40, kNormalOut = 0x100;
  return ready | ((ready & kPollIn) != 0 ? kNormalIn : 0) |
         ((ready & kPollOut) != 0 ? kNormalOut : 0);
}

/// The name that an inode was last found by, and in which directory. Freed by call_rcu().
struct NotedName : RcuHead {
  InodeNumber directory;
  uint16_t length = 0;
  char bytes[];
};

class Inode : public CacheOwner, private RcuHead {
 public:
  FileSystem& file_system;
  const InodeNumber number;
  const FileType type;
  const uint64_t serial;  // of this object: no other inode in memory ever has it
  /// What nobody may change, root neither (vfs/access.h). Immutable from when others find the inode.
  enum Protection : uint8_t { kImmutable = 1, kAppendOnly = 2 };
  uint8_t protection = 0;
  bool is_immutable() const { return (protection & kImmutable) != 0; }

  /// Directories: their entries; regular files: their size and who writes. Readers of data take
  /// nothing. Taken by the VFS around the calls below, as each says.
  SharedMutex lock{"inode", LockRank::kInode};

  /// A snapshot; sizes are read without locks.
  virtual Attributes attributes() = 0;
  std::atomic<uint64_t> size{0};         // bytes; written with `lock` held
  std::atomic<uint32_t> links{0};        // written with `lock` held
  std::atomic<uint32_t> mount_count{0};  // mounts that cover this directory (vfs/mount.h)
  std::atomic<int> uses{0};              // Files that write; or, negative, that are executed
  /// A guess at its name, null or stale at any time; so that getcwd() need not search all entries of a directory's
  /// parent, and a file can be named to those who ask what is open. Written by exchange, read within an RcuReader.
  std::atomic<NotedName*> noted_name{nullptr};
  /// Out of memory it notes nothing.
  void note_name(const Inode& directory, std::string_view name);
  /// fcntl's locks on it, null for none; vfs/record_locks.cc's, under its lock.
  struct FileLocks* record_locks = nullptr;

  // ---- Directories. `name` is one component, never empty, "." or ".." except for lookup(), and at
  // most kMaxNameLength bytes. Other types: ENOTDIR.
  /// The file of that name; ".." is the parent, of a root itself. ENOENT, EIO.
  virtual Result<RefPtr<Inode>> lookup(std::string_view name) REQUIRES_SHARED(lock);
  /// The first entry at or after `position` (0: the first one), "." and ".." included. False at the
  /// end. A position stays valid while other entries come and go.
  virtual Result<bool> read_entry(uint64_t position, DirectoryEntry& entry) REQUIRES_SHARED(lock);
  /// The name isn't there (the VFS has looked, under the lock). In a directory with the set-group-ID
  /// bit the file gets its group, a directory the bit as well. ENOSPC, EMLINK, EROFS, EIO.
  virtual Result<RefPtr<Inode>> create(std::string_view name, const NewFile& file) REQUIRES(lock);
  /// The target's lock is held too.
  virtual Result<void> link(std::string_view name, Inode& target) REQUIRES(lock);
  /// Removes the name of `victim`; a directory must be empty (ENOTEMPTY). The victim's lock is held too.
  virtual Result<void> unlink(std::string_view name, Inode& victim) REQUIRES(lock);
  /// Moves `moved` from `name` here to `new_name` in `target` (maybe this directory), replacing
  /// `victim` if not null. The locks of both directories, of `moved` and of the victim are held; the file
  /// system's rename_lock too if the directories differ. The VFS has checked types and ancestors.
  virtual Result<void> rename(std::string_view name, Inode& moved, Inode& target,
                              std::string_view new_name, Inode* victim) REQUIRES(lock);

  // ---- Content.
  /// Bytes read at `offset`; 0 at the end. Streams ignore `offset`. Takes what it needs itself.
  virtual Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t offset);
  /// Bytes written at `offset`; with File::append at the end, whose offset is stored back. Takes
  /// `lock`. ENOSPC, EFBIG, EIO.
  virtual Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t& offset);
  /// Regular files: cuts or extends (with a hole).
  virtual Result<void> resize(uint64_t new_size) REQUIRES(lock);
  /// Symbolic links: the target's length; cut to the buffer.
  virtual Result<uint64_t> read_link(std::span<char> buffer);
  /// A link that doesn't lead along a path but straight to a file: that file's place. Others: no place.
  virtual Result<Place> jump();
  /// Data, and what is needed to find it, is on the device when this returns. EIO.
  virtual Result<void> sync();
  virtual Result<void> set_attributes(const AttributeChange& change) REQUIRES(lock);

  // ---- Opening, streams and devices. special_files/device_file.cc implements these, and read() and
  // write(), for the types that are the same in every file system; those of others override them.
  /// Called for each new File, before anybody uses it; may sleep (FIFOs wait for the other end).
  virtual Result<void> on_open(File& file);
  virtual void on_close(File& file);
  virtual Result<int64_t> control(File& file, uint64_t request, uint64_t argument);  // ENOTTY
  /// What can be done now without waiting; `wait` (if not null) is told which queue reports changes: always the same one
  /// of an open file, there until on_close(); none if it is always ready. Never sleeps; takes locks below kWatches alone.
  virtual uint32_t poll(File& file, class WaitQueue** wait);
  /// Whether reads and writes have positions: false for pipes and terminals (ESPIPE).
  virtual bool seekable() const;
  /// The largest size a file can have here, in bytes: seeking beyond is EINVAL.
  virtual uint64_t max_size() { return INT64_MAX; }

  // CacheOwner's, for inodes without pages.
  Result<void> locate_page(uint64_t index, std::span<uint64_t> sectors) override;
  uint64_t page_limit() override;

  // MemoryObject's: msync by a process that maps the file.
  Result<void> write_back_range(uint64_t, uint64_t) final { return sync(); }

  // RefPtr's counting (vfs/inode_cache.cc).
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();
  /// For an RCU reader that found the inode without holding a reference: one, or null if it was let go
  /// meanwhile. Null for null.
  static RefPtr<Inode> try_share(Inode* inode);
  uint32_t references() const { return references_.load(std::memory_order_relaxed); }
  /// Frees the object once no RCU reader can be at it: what ends FileSystem::destroy_inode().
  void free_after_readers();

 protected:
  Inode(FileSystem& file_system, InodeNumber number, FileType type, BlockDevice* device,
        uint32_t block_size);
  virtual ~Inode();

 private:
  friend class InodeCache;
  std::atomic<uint32_t> references_{1};
  Inode* hash_next_ = nullptr;  // protected by the inode cache's lock
  ListLink unused_link_;        // same
  bool cached_ = false;         // same: it is in its file system's cache
  bool going_ = false;          // same
};

struct FileSystemStatistics {
  uint64_t type = 0;  // Linux's magic number
  uint32_t block_size = 0;
  uint64_t blocks = 0, free_blocks = 0, available_blocks = 0;
  uint64_t files = 0, free_files = 0;
  uint64_t id = 0;
};

}  // namespace cairn
