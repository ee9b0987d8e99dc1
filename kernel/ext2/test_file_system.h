// For ext2's kernel tests: a small file system, as mke2fs would make it, on the disk in memory.
#pragma once

#include "ext2/allocation_bits.h"
#include "ext2/ext2_test_disk.h"
#include "ext2/file_system.h"

namespace cairn::ext2::test {

inline constexpr uint32_t kReservedInodes = 10;
constexpr uint64_t first_block(uint32_t group) { return 1 + uint64_t(group) * kBlocksPerGroup; }
/// Groups 0, 1 and 3 have copies of the superblock (sparse_super).
constexpr uint32_t system_blocks(uint32_t group) { return (group == 2 ? 0 : 2) + 2 + kTableBlocks; }

/// An empty file system's superblock, descriptors and bitmaps; it has no root.
inline void format(LoggingDisk& disk) {
  auto* superblock = reinterpret_cast<Superblock*>(disk.block(1));
  superblock->state = kStateClean;
  superblock->revision = 1;
  auto* descriptors = reinterpret_cast<GroupDescriptor*>(disk.block(2));
  for (uint32_t group = 0; group < kGroups; group++) {
    uint64_t first = first_block(group);
    uint32_t copies = group == 2 ? 0 : 2;
    GroupDescriptor& descriptor = descriptors[group];
    descriptor.block_bitmap = uint32_t(first + copies);
    descriptor.inode_bitmap = uint32_t(first + copies + 1);
    descriptor.inode_table = uint32_t(first + copies + 2);
    descriptor.free_blocks_count = uint16_t(kBlocksPerGroup - system_blocks(group));
    descriptor.free_inodes_count = uint16_t(kInodesPerGroup - (group == 0 ? kReservedInodes : 0));
    auto* blocks = reinterpret_cast<uint64_t*>(disk.block(descriptor.block_bitmap));
    for (uint32_t bit = 0; bit < system_blocks(group); bit++) set_bit(blocks, bit);
    auto* inodes = reinterpret_cast<uint64_t*>(disk.block(descriptor.inode_bitmap));
    for (uint32_t bit = 0; group == 0 && bit < kReservedInodes; bit++) set_bit(inodes, bit);
    superblock->free_blocks_count += descriptor.free_blocks_count;
    superblock->free_inodes_count += descriptor.free_inodes_count;
  }
}

/// A file system that is mounted. Each block that was free holds kOld.
class TestFileSystem {
 public:
  static constexpr uint8_t kOld = 0xee, kNew = 0x5a;

  /// `free_blocks`: about so many are free, the others belong to nobody.
  explicit TestFileSystem(uint32_t free_blocks = UINT32_MAX) : disk(test_disk()) {
    if (disk == nullptr) return;
    format(*disk);
    describe();
    make_root();
    for (uint32_t group = 0; group < kGroups; group++) use_up(group, free_blocks / kGroups);
    auto opened = open_ext2(disk, false);
    if (opened.ok()) fs = opened.take();
    disk->event_count = 0;
  }
  ~TestFileSystem() {
    if (fs) (void)fs->shut_down();
    fs = nullptr;
    if (disk != nullptr) drop_pages(**device_pages(*disk));
  }
  explicit operator bool() const { return bool(fs) && !fs->read_only; }

  Ext2Inode& inode(const RefPtr<Inode>& of) { return static_cast<Ext2Inode&>(*of); }
  /// A file of so many pages full of kNew, dirty. Null if something failed.
  RefPtr<Inode> make_file(std::string_view name, uint64_t pages) {
    RefPtr<Inode> root = fs->root().take();
    ExclusiveGuard guard(root->lock);
    auto made = root->create(name, NewFile{.permissions = 0644});
    if (!made.ok()) return nullptr;
    RefPtr<Inode> file = made.take();
    return resize(*file, pages * kPageSize) && write_pages(*file, pages) ? file : nullptr;
  }
  /// Fills the first pages of a file that is as long.
  bool write_pages(Inode& file, uint64_t pages) {
    for (uint64_t i = 0; i < pages; i++) {
      if (!file.prepare_write(i).ok()) return false;
      auto page = read_page(file, i);
      if (!page.ok()) return false;
      memset((*page)->data(), kNew, kPageSize);
      mark_dirty(**page);
    }
    return true;
  }
  void remove(std::string_view name, Inode& file) {
    RefPtr<Inode> root = fs->root().take();
    ExclusiveGuard guard(root->lock);
    (void)root->unlink(name, file);
  }
  MetadataStore& store() { return static_cast<Ext2FileSystem&>(*fs).metadata; }
  /// The file's lock isn't needed: nobody else changes it.
  bool resize(Inode& file, uint64_t size) NO_THREAD_SAFETY_ANALYSIS {
    return file.resize(size).ok();
  }
  RawInode* on_disk(InodeNumber number) {
    const uint64_t index = number.value - 1;
    const auto* descriptors = reinterpret_cast<GroupDescriptor*>(disk->block(2));
    const uint64_t table = descriptors[index / kInodesPerGroup].inode_table;
    return reinterpret_cast<RawInode*>(disk->block(table)) + index % kInodesPerGroup;
  }

  LoggingDisk* disk;
  RefPtr<FileSystem> fs;

 private:
  void describe() {
    auto& superblock = *reinterpret_cast<Superblock*>(disk->block(1));
    superblock.magic = kMagic;
    superblock.blocks_count = kBlocks;
    superblock.inodes_count = kGroups * kInodesPerGroup;
    superblock.first_data_block = 1;
    superblock.blocks_per_group = kBlocksPerGroup;
    superblock.inodes_per_group = kInodesPerGroup;
    superblock.first_inode = kReservedInodes + 1;
    superblock.inode_size = sizeof(RawInode);
    superblock.feature_incompat = kIncompatFileType;
    superblock.feature_ro_compat = kRoCompatSparseSuper;
  }
  void take(uint64_t block) {
    const auto group = uint32_t((block - 1) / kBlocksPerGroup);
    auto& descriptor = reinterpret_cast<GroupDescriptor*>(disk->block(2))[group];
    set_bit(reinterpret_cast<uint64_t*>(disk->block(descriptor.block_bitmap)),
            uint32_t((block - 1) % kBlocksPerGroup));
    descriptor.free_blocks_count--;
    reinterpret_cast<Superblock*>(disk->block(1))->free_blocks_count--;
  }
  void make_root() {
    const uint64_t block = first_block(0) + system_blocks(0);
    take(block);
    auto& raw = reinterpret_cast<RawInode*>(disk->block(
        reinterpret_cast<GroupDescriptor*>(disk->block(2))->inode_table))[kRootInode - 1];
    raw.mode = 040755;
    raw.links_count = 2;
    raw.size = kBlockSize;
    raw.sectors = kBlockSize / 512;
    raw.block[0] = uint32_t(block);
    uint8_t* names = disk->block(block);
    auto* own = new (names) RawEntry{kRootInode, 12, 1, uint8_t(FileType::kDirectory)};
    memcpy(own + 1, ".", 1);
    auto* parent =
        new (names + 12) RawEntry{kRootInode, kBlockSize - 12, 2, uint8_t(FileType::kDirectory)};
    memcpy(parent + 1, "..", 2);
  }
  void use_up(uint32_t group, uint32_t free_blocks) {
    const auto& descriptor = reinterpret_cast<GroupDescriptor*>(disk->block(2))[group];
    for (uint32_t bit = 0; bit < kBlocksPerGroup; bit++) {
      const uint64_t block = first_block(group) + bit;
      if (test_bit(reinterpret_cast<uint64_t*>(disk->block(descriptor.block_bitmap)), bit))
        continue;
      memset(disk->block(block), kOld, kBlockSize);
      if (descriptor.free_blocks_count > free_blocks) take(block);
    }
  }
};

}  // namespace cairn::ext2::test
