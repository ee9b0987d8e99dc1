// ext2 on disk: the structures as they lie there, little-endian.
// Source: Dave Poirier, "The Second Extended File System: Internal Layout", sections "Superblock",
// "Block Group Descriptor Table", "Inode Table", "Directory Structure"; e2fsprogs, lib/ext2fs/ext2_fs.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::ext2 {

inline constexpr uint64_t kSuperblockOffset = 1024;  // bytes from the device's start
inline constexpr uint16_t kMagic = 0xef53;
inline constexpr uint32_t kRootInode = 2;
inline constexpr uint32_t kResizeInode = 7;
inline constexpr uint32_t kJournalInode = 8;
inline constexpr uint32_t kFirstInodeOfRevision0 = 11;

struct Superblock {
  uint32_t inodes_count, blocks_count, reserved_blocks_count, free_blocks_count, free_inodes_count;
  uint32_t first_data_block;  // 1 with blocks of 1 KiB, else 0
  uint32_t log_block_size;    // the block size is 1024 << this
  uint32_t log_fragment_size;
  uint32_t blocks_per_group, fragments_per_group, inodes_per_group;
  uint32_t mount_time, write_time;
  uint16_t mount_count, max_mount_count, magic, state, errors, minor_revision;
  uint32_t last_check, check_interval, creator_os, revision;
  uint16_t reserved_uid, reserved_gid;
  // Revision 1.
  uint32_t first_inode;
  uint16_t inode_size, block_group_number;
  uint32_t feature_compat, feature_incompat, feature_ro_compat;
  uint8_t uuid[16];
  char volume_name[16];
  char last_mounted[64];
  uint32_t algorithm_bitmap;
  uint8_t prealloc_blocks, prealloc_directory_blocks;
  uint16_t reserved_gdt_blocks;
  uint8_t journal_uuid[16];
  uint32_t journal_inode, journal_device, last_orphan;
  uint32_t hash_seed[4];
  uint8_t default_hash_version, journal_backup_type;
  uint16_t descriptor_size;
  uint32_t default_mount_options, first_meta_group, creation_time;
  /// The journal's inode once more: its block pointers, the halves of its size.
  uint32_t journal_pointers[17];
  uint8_t unused[1024 - 336];
};
static_assert(sizeof(Superblock) == 1024);

inline constexpr uint16_t kStateClean = 1, kStateErrors = 2;
inline constexpr uint32_t kCompatJournal = 0x4, kCompatDirectoryIndex = 0x20;
inline constexpr uint32_t kIncompatFileType = 0x2;
inline constexpr uint32_t kIncompatRecover = 0x4;  // a journal is to be replayed: e2fsck does
inline constexpr uint32_t kKnownIncompat = kIncompatFileType;
inline constexpr uint32_t kRoCompatSparseSuper = 0x1, kRoCompatLargeFile = 0x2;
inline constexpr uint32_t kKnownRoCompat = kRoCompatSparseSuper | kRoCompatLargeFile;

struct GroupDescriptor {
  uint32_t block_bitmap, inode_bitmap, inode_table;
  uint16_t free_blocks_count, free_inodes_count, used_directories_count, flags;
  uint8_t unused[12];
};
static_assert(sizeof(GroupDescriptor) == 32);

inline constexpr unsigned kDirectBlocks = 12;
inline constexpr unsigned kIndirect = 12, kDoubleIndirect = 13, kTripleIndirect = 14;
inline constexpr unsigned kBlockPointers = 15;

/// The first 128 bytes of every inode; larger ones (Superblock::inode_size) go on behind.
struct RawInode {
  uint16_t mode, owner;
  uint32_t size;
  uint32_t access_time, change_time, modification_time, deletion_time;
  uint16_t group, links_count;
  uint32_t sectors;  // of 512 bytes, indirect blocks included
  uint32_t flags, version;
  uint32_t block[kBlockPointers];  // fast symbolic links: the target; device files: the number
  uint32_t generation, file_acl;
  uint32_t size_high;  // directories: an ACL block, 0
  uint32_t fragment;
  uint16_t fragment_bits, unused;
  uint16_t owner_high, group_high;
  uint32_t unused2;
};
static_assert(sizeof(RawInode) == 128);

inline constexpr uint32_t kFlagImmutable = 0x10, kFlagAppendOnly = 0x20;
inline constexpr uint32_t kFlagIndexed = 0x1000;  // a directory with a hash tree beside the list
inline constexpr uint64_t kFastLinkSize = 60;     // targets below this many bytes lie in the inode
inline constexpr uint16_t kMaxLinks = 32000;

/// A directory is a list of these; each begins at a multiple of 4 and lies within one block.
struct RawEntry {
  uint32_t inode;  // 0: unused
  uint16_t record_length;
  uint8_t name_length;
  uint8_t file_type;  // only with kIncompatFileType, else the name length's high byte: 0
  // name_length bytes follow, no NUL.
};
static_assert(sizeof(RawEntry) == 8);
constexpr uint16_t entry_size(size_t name_length) {
  return uint16_t((8 + name_length + 3) & ~3ull);
}

}  // namespace cairn::ext2
