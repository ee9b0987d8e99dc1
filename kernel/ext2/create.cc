// New files of all kinds.
//
// The inode and what is behind it come first, then the name: if there is no room for one of them,
// everything is taken back within the same operation.
#include "ext2/allocation.h"
#include "ext2/block_map.h"
#include "ext2/inode_table.h"
#include "ext2/names.h"
#include "ext2/truncate.h"
#include "lib/string.h"
#include "special_files/device_file.h"

namespace cairn::ext2 {

namespace {

constexpr uint16_t kSetGroup = 02000;

void set_device(RawInode& raw, uint64_t device) {
  const uint32_t major = device_major(device), minor = device_minor(device);
  if (major < 256 && minor < 256) {
    raw.block[0] = major << 8 | minor;
  } else {
    raw.block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
  }
}

/// The inode of a new file in `directory`, without content.
RawInode new_raw_inode(Ext2Inode& directory, const NewFile& file) {
  const Attributes parent = directory.attributes();
  const bool is_directory = file.type == FileType::kDirectory;
  RawInode raw{};
  raw.mode = uint16_t(mode_bits(file.type) | file.permissions);
  uint32_t group = file.group;
  if ((parent.permissions & kSetGroup) != 0) {
    group = parent.group;
    if (is_directory) raw.mode |= kSetGroup;
  }
  raw.owner = uint16_t(file.owner);
  raw.owner_high = uint16_t(file.owner >> 16);
  raw.group = uint16_t(group);
  raw.group_high = uint16_t(group >> 16);
  raw.links_count = is_directory ? 2 : 1;
  set_raw_times(raw, current_time());
  raw.access_time = raw.modification_time;
  return raw;
}

/// The target of a symbolic link: in the inode if it is short, else in a block.
Result<void> store_target(Ext2Inode& symlink, std::string_view target)
    REQUIRES_SHARED(running_operation) {
  ExclusiveGuard guard(symlink.map_lock);
  if (target.size() < kFastLinkSize) {
    memcpy(symlink.raw.block, target.data(), target.size());
  } else {
    bool created = false;
    BlockNumber number = TRY(map_or_allocate_block(symlink, 0, created));
    MetadataBlock block = TRY(symlink.fs().metadata.create_block(number));
    memcpy(block.data(), target.data(), target.size());
  }
  set_raw_size(symlink.raw, target.size());
  symlink.size.store(target.size());
  return {};
}

/// Writes a new inode and all that is behind it, but its name.
Result<void> store_new_file(Ext2Inode& directory, Ext2Inode& fresh, const NewFile& file)
    REQUIRES_SHARED(running_operation) {
  MetadataStore& metadata = directory.fs().metadata;
  const Geometry& geometry = directory.fs().geometry;
  if (file.type == FileType::kDirectory) TRY(make_directory_block(fresh, directory.number));
  if (file.type == FileType::kSymlink) TRY(store_target(fresh, file.target));
  ExclusiveGuard guard(fresh.map_lock);
  if (file.type == FileType::kCharacterDevice || file.type == FileType::kBlockDevice) {
    set_device(fresh.raw, file.device);
  }
  MetadataBlock block = TRY(metadata.read(fresh.table_block));
  TRY(store_inode(fresh));
  uint32_t rest = geometry.inode_size - uint32_t(sizeof(RawInode));
  memset(block.data() + fresh.table_offset + sizeof(RawInode), 0, rest);
  return {};
}

/// A file that got no name after all.
void take_back(Ext2Inode& fresh) REQUIRES_SHARED(running_operation) {
  Ext2FileSystem& fs = fresh.fs();
  {
    ExclusiveGuard guard(fresh.map_lock);
    (void)take_back_blocks(fresh, 0);
    fresh.raw.links_count = 0;
    fresh.raw.deletion_time = fresh.raw.change_time;
    (void)store_inode(fresh);
  }
  fs.allocator.free_inode(fresh.number, fresh.type == FileType::kDirectory);
  fs.destroy_inode(fresh);
}

/// Makes a file and names it. ENOSPC, EIO, EUCLEAN, ENOMEM: nothing is left of it.
Result<Ext2Inode*> make_file(Ext2Inode& directory, std::string_view name, const NewFile& file)
    REQUIRES(directory.lock) REQUIRES_SHARED(running_operation) {
  Ext2FileSystem& fs = directory.fs();
  const bool is_directory = file.type == FileType::kDirectory;
  InodeNumber number = TRY(fs.allocator.allocate_inode(directory.number, is_directory));
  auto made = fs.make_unused_inode(number, new_raw_inode(directory, file));
  if (!made.ok()) {
    // A number that is in use though its bitmap says otherwise stays taken.
    if (made.error() != Errno::kEUCLEAN) fs.allocator.free_inode(number, is_directory);
    return made.error();
  }
  Ext2Inode& fresh = **made;
  auto named = store_new_file(directory, fresh, file);
  if (named.ok()) {
    auto room = make_room(directory, name.size());
    named = room.ok() ? store_directory(directory, true) : room.error();
    if (named.ok() && is_directory) {
      named = store_links(directory, uint16_t(links_of(directory) + 1));
    }
    if (named.ok()) put_entry(directory, *room, name, fresh);
  }
  if (!named.ok()) {
    take_back(fresh);
    return named.error();
  }
  fresh.note_name(directory, name);
  return &fresh;
}

}  // namespace

Result<RefPtr<Inode>> Ext2Inode::create(std::string_view name, const NewFile& file) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (file_system.read_only) return Errno::kEROFS;
  if (name.size() > kMaxNameLength) return Errno::kENAMETOOLONG;
  if (links.load() == 0) return Errno::kENOENT;
  if (file.type == FileType::kDirectory && links.load() >= kMaxLinks) return Errno::kEMLINK;
  if (file.type == FileType::kSymlink && file.target.size() >= fs().geometry.block_size) {
    return Errno::kENAMETOOLONG;
  }
  for (bool again = false;; again = true) {
    {
      Operation operation(fs().metadata);
      auto made = make_file(*this, name, file);
      if (made.ok()) return fs().inodes.add(**made);
      if (again || !commit_would_help(fs(), made.error())) return made.error();
    }
    TRY(fs().metadata.commit());
  }
}

}  // namespace cairn::ext2
