// Inodes in memory: reading and checking them, their attributes, storing them.
#include "debug/log.h"
#include "ext2/allocation.h"
#include "ext2/block_map.h"
#include "ext2/inode_table.h"
#include "ext2/name_index.h"
#include "ext2/truncate.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "special_files/device_file.h"

namespace cairn::ext2 {

namespace {

/// Times are 32 bits with a sign: 1901 to 2038.
uint32_t raw_time(int64_t seconds) {
  if (seconds > INT32_MAX) return INT32_MAX;
  if (seconds < INT32_MIN) return uint32_t(INT32_MIN);
  return uint32_t(seconds);
}
Timestamp timestamp_of(uint32_t raw_time) { return {int32_t(raw_time), 0}; }

/// Device numbers are 8 + 8 bits in the first pointer, or larger ones in the second, as Linux has it.
uint64_t device_of(const RawInode& raw) {
  if (raw.block[0] != 0) return make_device_number(raw.block[0] >> 8 & 0xff, raw.block[0] & 0xff);
  uint32_t number = raw.block[1];
  return make_device_number(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00));
}

/// Whether size and blocks of an inode as it was read can be.
bool is_sound(const Ext2FileSystem& fs, const RawInode& raw) {
  const Geometry& geometry = fs.geometry;
  uint64_t size = inode_size(raw);
  switch (type_of_mode(raw.mode)) {
    case FileType::kRegular: return size <= fs.max_file_size();
    case FileType::kDirectory:
      // Each of its blocks is another one of the device: nobody walks the same ones for ever.
      return is_aligned(size, geometry.block_size) &&
             size / geometry.block_size <= geometry.block_count;
    case FileType::kSymlink:
      if (size == 0) return false;
      return has_block_pointers(raw, geometry) ? size <= geometry.block_size : size < kFastLinkSize;
    case FileType::kUnknown: return false;
    default: return true;
  }
}

}  // namespace

Ext2Inode::Ext2Inode(Ext2FileSystem& fs, InodeNumber number, FileType type)
    : Inode(fs, number, type, fs.device, fs.geometry.block_size) {}

uint64_t Ext2FileSystem::max_file_size() const {
  const uint64_t pointers = geometry.pointers_per_block();
  uint64_t reach = kDirectBlocks + pointers + pointers * pointers + pointers * pointers * pointers;
  // The count of sectors has 32 bits and counts pointer blocks too.
  uint64_t pointer_blocks = 3 + 2 * pointers + pointers * pointers;
  uint64_t countable = UINT32_MAX / geometry.sectors_per_block() - pointer_blocks;
  return std::min(reach, countable) * geometry.block_size;
}

uint64_t Ext2Inode::max_size() { return fs().max_file_size(); }

Result<Ext2Inode*> Ext2FileSystem::make_inode(InodeNumber number, const RawInode& raw) {
  InodePlace place = TRY(locate_inode(*this, number));
  auto* inode = new_object<Ext2Inode>(*this, number, type_of_mode(raw.mode));
  if (inode == nullptr) return Errno::kENOMEM;
  inode->table_block = place.block;
  inode->table_offset = place.offset;
  inode->parent_group = uint32_t((number.value - 1) / geometry.inodes_per_group);
  ExclusiveGuard guard(inode->map_lock);
  inode->raw = raw;
  inode->size.store(inode_size(raw));
  if ((raw.flags & kFlagImmutable) != 0) inode->protection |= Inode::kImmutable;
  if ((raw.flags & kFlagAppendOnly) != 0) inode->protection |= Inode::kAppendOnly;
  inode->links.store(raw.links_count);
  return inode;
}

RefPtr<Inode> Ext2FileSystem::directory_at(InodeNumber number) {
  auto found = get_inode(number);
  return found.ok() ? RefPtr<Inode>::share((*found).get()) : RefPtr<Inode>();
}

Result<RefPtr<Ext2Inode>> Ext2FileSystem::get_inode(InodeNumber number) {
  RefPtr<Inode> inode;
  while (!inode) {
    const uint64_t departures = inodes.departures();
    inode = inodes.find(number);
    if (inode) break;
    if (number.value < geometry.first_free_inode && number.value != kRootInode) {
      return damaged("use of reserved inode", number.value);
    }
    if (number.value > geometry.inode_count) return damaged("inode number", number.value);
    InodePlace place = TRY(locate_inode(*this, number));
    MetadataBlock block = TRY(metadata.read(place.block));
    RawInode raw = *block.as<RawInode>(place.offset);
    if (raw.links_count == 0) return Errno::kENOENT;
    if (!is_sound(*this, raw)) return damaged("inode", number.value);
    inode = inodes.add(*TRY(make_inode(number, raw)), departures);
  }
  return RefPtr<Ext2Inode>::share(static_cast<Ext2Inode*>(inode.get()));
}

Result<Ext2Inode*> Ext2FileSystem::make_unused_inode(InodeNumber number, const RawInode& raw) {
  InodePlace place = TRY(locate_inode(*this, number));
  MetadataBlock block = TRY(metadata.read(place.block));
  bool in_use = block.as<RawInode>(place.offset)->links_count != 0 || inodes.find(number);
  if (in_use) return damaged("free inode in use", number.value);
  return make_inode(number, raw);
}

void Ext2FileSystem::destroy_inode(Inode& inode) {
  auto& file = static_cast<Ext2Inode&>(inode);
  drop_pages(file);
  forget(file);
  delete file.name_index.load();
  file.free_after_readers();
}

void set_raw_size(RawInode& raw, uint64_t size) {
  raw.size = uint32_t(size);
  if (type_of_mode(raw.mode) == FileType::kRegular) raw.size_high = uint32_t(size >> 32);
}

void set_raw_times(RawInode& raw, const Timestamp& now) {
  raw.modification_time = raw.change_time = raw_time(now.seconds);
}

Result<void> mark_inode(Ext2Inode& inode) {
  MetadataStore& metadata = inode.fs().metadata;
  return metadata.change(TRY(metadata.read(inode.table_block)));
}

Result<void> store_inode(Ext2Inode& inode) {
  MetadataStore& metadata = inode.fs().metadata;
  MetadataBlock block = TRY(metadata.read(inode.table_block));
  TRY(metadata.change(block));
  *block.as<RawInode>(inode.table_offset) = inode.raw;
  flush_soon();
  return {};
}

Attributes Ext2Inode::attributes() {
  SharedGuard guard(map_lock);
  Attributes result;
  result.permissions = raw.mode & 07777;
  result.owner = raw.owner | uint32_t(raw.owner_high) << 16;
  result.group = raw.group | uint32_t(raw.group_high) << 16;
  result.links = links.load();
  result.size = size.load();
  result.sectors = raw.sectors;
  if (type == FileType::kCharacterDevice || type == FileType::kBlockDevice) {
    result.device = device_of(raw);
  }
  result.accessed = timestamp_of(raw.access_time);
  result.modified = timestamp_of(raw.modification_time);
  result.changed = timestamp_of(raw.change_time);
  return result;
}

Result<void> Ext2Inode::set_attributes(const AttributeChange& change) {
  if (file_system.read_only) return Errno::kEROFS;
  const Attributes& values = change.values;
  Operation operation(fs().metadata);
  ExclusiveGuard guard(map_lock);
  const RawInode before = raw;
  if ((change.which & AttributeChange::kPermissions) != 0) {
    raw.mode = uint16_t((raw.mode & ~07777u) | (values.permissions & 07777u));
  }
  if ((change.which & AttributeChange::kOwner) != 0) {
    raw.owner = uint16_t(values.owner);
    raw.owner_high = uint16_t(values.owner >> 16);
  }
  if ((change.which & AttributeChange::kGroup) != 0) {
    raw.group = uint16_t(values.group);
    raw.group_high = uint16_t(values.group >> 16);
  }
  if ((change.which & AttributeChange::kAccessed) != 0) {
    raw.access_time = raw_time(values.accessed.seconds);
  }
  if ((change.which & AttributeChange::kModified) != 0) {
    raw.modification_time = raw_time(values.modified.seconds);
  }
  raw.change_time = raw_time(current_time().seconds);
  auto stored = store_inode(*this);
  if (!stored.ok()) raw = before;
  return stored;
}

Result<uint64_t> Ext2Inode::read_link(std::span<char> buffer) {
  if (type != FileType::kSymlink) return Errno::kEINVAL;
  uint64_t length = std::min<uint64_t>(size.load(), buffer.size());
  SharedGuard guard(map_lock);
  if (!has_block_pointers(raw, fs().geometry)) {
    memcpy(buffer.data(), raw.block, std::min(length, kFastLinkSize));
    return length;
  }
  BlockNumber block = TRY(map_block(*this, 0));
  if (block.value == 0) return fs().damaged("hole in symbolic link", number.value);
  MetadataBlock target = TRY(fs().metadata.read(block));
  memcpy(buffer.data(), target.data(), length);
  return length;
}

}  // namespace cairn::ext2
