// A mounted ext2: its geometry, its inodes, and how its parts reach each other.
//
//   superblock.h   LAB B4: reading and refusing superblocks
//   inode_table.h  LAB B4: where an inode lies, decoding it
//   block_map.h    LAB B4: file block -> device block, direct to triple indirect; growth
//   directory.h    LAB B4: walking and searching the entries of a directory
//   allocation.h   provided: bitmaps, where new blocks and inodes go
//   commit.h       provided: metadata in memory, and the transactions that write it
//   name_index.h   provided: finding names in large directories
//   truncate.h, names.h   provided: cutting files; create, link, unlink, rename
#pragma once

#include "ext2/commit.h"
#include "ext2/layout.h"
#include "ext2/mount_state.h"
#include "sync/spinlock.h"
#include "vfs/file_system.h"

namespace cairn::ext2 {

class Allocator;  // allocation.h
class NameIndex;  // name_index.h

/// What the superblock says, checked. Immutable while mounted.
struct Geometry {
  uint32_t block_size = 0;  // bytes: 1024, 2048, 4096
  uint32_t inode_size = 0;  // bytes
  uint32_t first_data_block = 0;
  uint64_t block_count = 0;  // numbers first_data_block … block_count - 1 exist
  uint64_t inode_count = 0;  // numbers 1 … inode_count exist
  uint32_t blocks_per_group = 0, inodes_per_group = 0;
  uint32_t group_count = 0;
  uint32_t descriptor_block = 0;  // first block of the group descriptors
  uint32_t first_free_inode = 0;  // below: reserved
  uint64_t reserved_blocks = 0;
  bool has_file_types = false;  // in directory entries
  bool sparse_super = false;
  bool large_files = false;  // the feature is set on disk already
  bool writable = false;     // no unknown read-only features
  bool clean = false;        // was unmounted properly, no errors noted

  uint32_t descriptor_blocks() const {
    return uint32_t((group_count * sizeof(GroupDescriptor) + block_size - 1) / block_size);
  }
  uint32_t sectors_per_block() const { return block_size / 512; }
  uint32_t pointers_per_block() const { return block_size / 4; }
  /// Whether `block` exists and isn't before the first data block. Ext2FileSystem::is_data_block() says more.
  bool is_data_block(uint64_t block) const {
    return block > first_data_block && block < block_count;
  }
  /// Whether a group begins with a copy of the superblock and the descriptors.
  bool has_superblock(uint32_t group) const;
};

class Ext2FileSystem;

/// An inode of ext2 in memory. The raw inode is what the disk has or will have.
class Ext2Inode final : public Inode {
 public:
  Ext2Inode(Ext2FileSystem& fs, InodeNumber number, FileType type);
  Ext2FileSystem& fs() const;

  // Where its raw inode lies. Immutable.
  BlockNumber table_block{};
  uint32_t table_offset = 0;  // bytes in the block

  /// Block pointers and counts. Readers of data take it shared while they map blocks, whoever grows
  /// or cuts the file exclusively. Taken inside Inode::lock and an operation.
  SharedMutex map_lock{"block map", LockRank::kBlockMap};
  RawInode raw GUARDED_BY(map_lock){};
  /// Where the next block of a file that grows should go: after the last one. 0: unknown.
  uint64_t allocation_goal GUARDED_BY(map_lock) = 0;
  uint32_t parent_group = 0;  // where its directory lies, for the first block

  /// Directories: an entry surely begins here (bytes): read_entry() needn't look for its beginning.
  std::atomic<uint64_t> known_entry{0};
  /// Of a directory: a block of it that was read (upper half), and where that lies on the device (lower
  /// half, never 0). Blocks of directories stay where they are until the directory goes.
  std::atomic<uint64_t> known_block{0};
  /// Directories: the entry (bytes) where somebody found room last; what lies before it has hardly any.
  uint64_t room_hint GUARDED_BY(lock) = 0;

  /// Large directories, once searched: where their names are. Made by readers, changed with `lock` held.
  std::atomic<NameIndex*> name_index{nullptr};

  /// The last transaction that had its data written first (order_data()). Protected by the file system's
  /// dirty_lock_, as the links are; in an operation that transaction is read without it.
  std::atomic<uint64_t> ordered_in{0};
  ListLink dirty_link, ordered_link, written_link;

  // Inode's and CacheOwner's; the files that implement them are named above.
  Attributes attributes() override;
  Result<RefPtr<Inode>> lookup(std::string_view name) override REQUIRES_SHARED(lock);
  Result<bool> read_entry(uint64_t position, DirectoryEntry& entry) override REQUIRES_SHARED(lock);
  Result<RefPtr<Inode>> create(std::string_view name, const NewFile& file) override REQUIRES(lock);
  Result<void> link(std::string_view name, Inode& target) override REQUIRES(lock);
  Result<void> unlink(std::string_view name, Inode& victim) override REQUIRES(lock);
  Result<void> rename(std::string_view name, Inode& moved, Inode& target, std::string_view new_name,
                      Inode* victim) override REQUIRES(lock);
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t offset) override;
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t& offset) override;
  Result<void> resize(uint64_t new_size) override REQUIRES(lock);
  Result<uint64_t> read_link(std::span<char> buffer) override;
  Result<void> sync() override;
  Result<void> set_attributes(const AttributeChange& change) override REQUIRES(lock);
  Result<void> locate_page(uint64_t index, std::span<uint64_t> sectors) override;
  uint64_t page_limit() override;
  void on_dirty() override;
  Result<void> prepare_write(uint64_t index) override;
  uint64_t max_size() override;
};

class Ext2FileSystem final : public FileSystem, private CommitClient {
 public:
  const Geometry geometry;
  MetadataStore& metadata;
  Allocator& allocator;

  /// The inode in memory, read if needed. EUCLEAN: the number doesn't exist, or what lies there is no
  /// file; ENOENT: it was deleted. EIO, ENOMEM. May sleep.
  Result<RefPtr<Ext2Inode>> get_inode(InodeNumber number);

  Result<RefPtr<Inode>> root() override;
  RefPtr<Inode> directory_at(InodeNumber number) override;
  FileSystemStatistics statistics() override;
  Result<void> sync() override;
  Result<void> shut_down() override;
  void delete_inode(Inode& inode) override;
  void destroy_inode(Inode& inode) override;

  /// Sets the large_file feature. Within an Operation.
  void mark_large_file() { metadata.superblock().feature_ro_compat |= kRoCompatLargeFile; }
  /// Notes damage found on the device: counted, logged once in a while, and the superblock gets its
  /// error flag. Returns EUCLEAN for the caller to return.
  Errno damaged(const char* what, uint64_t number);

  /// Whether a file may have this block: it exists, and the file system doesn't need it for itself. O(1).
  bool is_data_block(uint64_t block) const;
  /// A file of this size (bytes) can exist: its pointers reach as far, and its count of sectors.
  uint64_t max_file_size() const;
  /// An inode in memory for what lies at its place on the device: what get_inode() and the making of
  /// files share. ENOMEM, EIO, EUCLEAN.
  Result<Ext2Inode*> make_inode(InodeNumber number, const RawInode& raw);
  /// The same for a number that was just allocated. EUCLEAN if it is in use.
  Result<Ext2Inode*> make_unused_inode(InodeNumber number, const RawInode& raw);

  /// The inode has dirty pages, which sync() writes.
  void add_dirty(Ext2Inode& inode);
  /// The running transaction gives the file blocks or another size: its commit writes the file's data first.
  /// Other dirty pages are the business of sync() and of who asks for their file.
  void order_data(Ext2Inode& inode) REQUIRES_SHARED(running_operation);

 private:
  friend Result<RefPtr<FileSystem>> open_ext2(BlockDevice* device, bool read_only);
  Ext2FileSystem(BlockDevice& device, bool read_only, const Geometry& geometry,
                 MetadataStore& metadata, Allocator& allocator, uint64_t id);
  ~Ext2FileSystem() override;

  Result<void> write_dirty();
  void forget(Ext2Inode& inode);
  bool take_sealed(Ext2Inode& inode, const Inode* held);

  Result<void> write_data() override;
  void seal() override;
  void committed(BlockNumber block, const uint8_t* content) override;
  void release() override;
  void after_commit() override;

  uint64_t id_;        // from the superblock's UUID
  uint64_t overhead_;  // blocks that never hold files
  std::atomic<uint64_t> damage_count_{0};
  MountState state_{metadata};

  Mutex sync_mutex_{"sync", LockRank::kSync};  // one writes all that is dirty at a time
  Spinlock dirty_lock_{"dirty inodes", LockRank::kDirtyInodes};
  List<Ext2Inode, &Ext2Inode::dirty_link> dirty_inodes_ GUARDED_BY(dirty_lock_);
  /// Of the running transaction, and of the sealed one until their data is written.
  List<Ext2Inode, &Ext2Inode::ordered_link> ordered_inodes_ GUARDED_BY(dirty_lock_), sealed_inodes_
      GUARDED_BY(dirty_lock_);
  /// Inodes that a commit wrote and holds until it is over, since letting go of one may delete its file.
  List<Ext2Inode, &Ext2Inode::written_link> written_inodes_ GUARDED_BY(dirty_lock_);
};

inline Ext2FileSystem& Ext2Inode::fs() const { return static_cast<Ext2FileSystem&>(file_system); }

/// For the registry of file systems.
Result<RefPtr<FileSystem>> open_ext2(BlockDevice* device, bool read_only);

}  // namespace cairn::ext2
