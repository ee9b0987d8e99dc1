// Directories: reading them for the VFS, and changing their entries.
//
// The record of an entry that was removed is room for others: whoever looks for room takes free records
// that follow each other together.
#include "ext2/allocation.h"
#include "ext2/block_map.h"
#include "ext2/inode_table.h"
#include "ext2/name_index.h"
#include "ext2/names.h"
#include "ext2/truncate.h"
#include "lib/string.h"

namespace cairn::ext2 {

namespace {

constexpr uint64_t kMaxDirectorySize = UINT32_MAX;  // bytes: a directory's size has 32 bits

/// The first entry at or after `position`, which need not be where one begins any more.
Result<EntryPlace> entry_from(Ext2Inode& directory, uint64_t position)
    REQUIRES_SHARED(directory.lock) {
  uint32_t block_size = directory.fs().geometry.block_size;
  if (position == directory.known_entry.load(std::memory_order_relaxed)) {
    return entry_at(directory, position);
  }
  EntryPlace place = TRY(entry_at(directory, align_down(position, block_size)));
  while (place && place.position < position) place = TRY(next_entry(directory, place));
  return place;
}

/// One loop and no call: directories are read one name at a time.
bool is_proper_name(std::string_view name) {
  for (char c : name) {
    if (c == '/' || c == '\0') return false;
  }
  return true;
}

/// Looks for room in the block at `start` of the directory, or from an entry in it on.
Result<EntryRoom> room_in_block(Ext2Inode& directory, uint64_t start, uint32_t needed)
    REQUIRES_SHARED(directory.lock) {
  EntryRoom room;
  EntryPlace place = TRY(entry_at(directory, start));
  const BlockNumber block = place.block.number();
  while (place && place.block.number() == block) {
    const RawEntry& entry = place.raw();
    const bool taken = entry.inode != 0;
    if (taken || room.size == 0 || room.kept + room.size + room.offset != place.offset) {
      uint32_t kept = taken ? entry_size(entry.name_length) : 0;
      room = {place.block, place.position, place.offset, kept, entry.record_length - kept};
    } else {
      room.size += entry.record_length;  // free, behind what is free
    }
    if (room.size >= needed) return room;
    if (place.offset + entry.record_length == directory.fs().geometry.block_size) break;
    place = TRY(next_entry(directory, place));
  }
  return EntryRoom{};
}

/// Makes the directory one block longer: one free entry.
Result<EntryRoom> grow_directory(Ext2Inode& directory) REQUIRES(directory.lock)
    REQUIRES_SHARED(running_operation) {
  Ext2FileSystem& fs = directory.fs();
  const uint32_t block_size = fs.geometry.block_size;
  const uint64_t size = directory.size.load();
  if (size + block_size > kMaxDirectorySize) return Errno::kEFBIG;
  ExclusiveGuard guard(directory.map_lock);
  bool created = false;
  BlockNumber number = TRY(map_or_allocate_block(directory, size / block_size, created));
  auto block = fs.metadata.create_block(number);
  set_raw_size(directory.raw, size + block_size);
  auto stored = block.ok() ? store_inode(directory) : block.error();
  if (!stored.ok()) {
    set_raw_size(directory.raw, size);
    (void)take_back_blocks(directory, size / block_size);
    (void)store_inode(directory);
    return stored.error();
  }
  block->as<RawEntry>()->record_length = uint16_t(block_size);
  directory.size.store(size + block_size);
  return EntryRoom{*block, size, 0, 0, block_size};
}

}  // namespace

Result<MetadataBlock> directory_block(Ext2Inode& directory, uint64_t file_block) {
  const uint64_t known = directory.known_block.load(std::memory_order_relaxed);
  if (known != 0 && known >> 32 == file_block) {
    return directory.fs().metadata.read(BlockNumber(uint32_t(known)));
  }
  BlockNumber block;
  {
    SharedGuard guard(directory.map_lock);
    block = TRY(map_block(directory, file_block));
  }
  if (block.value == 0) return directory.fs().damaged("hole in directory", directory.number.value);
  directory.known_block.store(file_block << 32 | block.value, std::memory_order_relaxed);
  return directory.fs().metadata.read(block);
}

// The two functions that look into directories whose lock the caller holds by other rules.

Result<bool> is_empty(Ext2Inode& directory) NO_THREAD_SAFETY_ANALYSIS {
  for (EntryPlace place = TRY(entry_at(directory, 0)); place;
       place = TRY(next_entry(directory, place))) {
    bool own = place.name() == "." || place.name() == "..";
    if (place.raw().inode != 0 && !own) return false;
  }
  return true;
}

Result<EntryPlace> parent_entry(Ext2Inode& directory) NO_THREAD_SAFETY_ANALYSIS {
  EntryPlace place = TRY(entry_at(directory, 0));
  if (place) place = TRY(next_entry(directory, place));
  if (!place || place.raw().inode == 0 || place.name() != "..") {
    return directory.fs().damaged("'..' of directory", directory.number.value);
  }
  return place;
}

Result<RefPtr<Inode>> Ext2Inode::lookup(std::string_view name) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  bool up = name == "..";
  if (name == "." || (up && number.value == kRootInode)) return RefPtr<Inode>::share(this);
  InodeNumber found{TRY(find_name(*this, name)).raw().inode};
  RefPtr<Ext2Inode> inode = TRY(fs().get_inode(found));
  if (up && inode.get() == this) return fs().damaged("'..' of directory", number.value);
  if (!up && inode->type == FileType::kDirectory) {
    // A directory is where it says that it is, and nowhere else: so no damage makes walks endless.
    EntryPlace parent = TRY(parent_entry(*inode));
    if (parent.raw().inode != number.value) {
      return fs().damaged("second name of directory", inode->number.value);
    }
  }
  return RefPtr<Inode>(RefPtr<Inode>::share(inode.get()));
}

Result<bool> Ext2Inode::read_entry(uint64_t position, DirectoryEntry& entry) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  EntryPlace place = TRY(entry_from(*this, position));
  while (place && place.raw().inode == 0) place = TRY(next_entry(*this, place));
  if (!place) return false;
  const RawEntry& raw_entry = place.raw();
  std::string_view name = place.name();
  if (!is_proper_name(name)) return fs().damaged("name in directory", number.value);
  entry.inode = InodeNumber(raw_entry.inode);
  bool known = fs().geometry.has_file_types && raw_entry.file_type <= uint8_t(FileType::kSymlink);
  entry.type = known ? FileType(raw_entry.file_type) : FileType::kUnknown;
  entry.next_position = place.position + raw_entry.record_length;
  entry.name_length = raw_entry.name_length;
  memcpy(entry.name_bytes, name.data(), name.size());
  entry.name_bytes[name.size()] = '\0';
  known_entry.store(entry.next_position, std::memory_order_relaxed);
  return true;
}

uint8_t entry_type(const Ext2Inode& file) {
  return file.fs().geometry.has_file_types ? uint8_t(file.type) : 0;
}

Result<EntryRoom> make_room(Ext2Inode& directory, size_t name_length) {
  const uint32_t needed = entry_size(name_length);
  const uint32_t block_size = directory.fs().geometry.block_size;
  const uint64_t size = directory.size.load();
  EntryRoom room;
  for (uint64_t at = directory.room_hint; room.size < needed && at < size;
       at = align_down(at, block_size) + block_size) {
    room = TRY(room_in_block(directory, at, needed));
  }
  if (room.size < needed) return grow_directory(directory);
  TRY(directory.fs().metadata.change(room.block));
  return room;
}

void put_entry(Ext2Inode& directory, const EntryRoom& room, std::string_view name,
               const Ext2Inode& file) {
  auto* before = room.block.as<RawEntry>(room.offset);
  auto* entry = room.block.as<RawEntry>(room.offset + room.kept);
  if (room.kept != 0) before->record_length = uint16_t(room.kept);
  entry->record_length = uint16_t(room.size);
  entry->name_length = uint8_t(name.size());
  entry->file_type = entry_type(file);
  memcpy(entry + 1, name.data(), name.size());
  entry->inode = uint32_t(file.number.value);
  note_entry_put(directory, name, room.position + room.kept);
  directory.known_entry.store(0);
  directory.room_hint = room.position + room.kept;
}

Result<void> make_directory_block(Ext2Inode& directory, InodeNumber parent) {
  Ext2FileSystem& fs = directory.fs();
  ExclusiveGuard guard(directory.map_lock);
  bool created = false;
  BlockNumber number = TRY(map_or_allocate_block(directory, 0, created));
  MetadataBlock block = TRY(fs.metadata.create_block(number));
  auto* self = block.as<RawEntry>();
  *self = {uint32_t(directory.number.value), entry_size(1), 1, entry_type(directory)};
  memcpy(self + 1, ".", 1);
  auto* up = block.as<RawEntry>(entry_size(1));
  uint16_t rest = uint16_t(fs.geometry.block_size - entry_size(1));
  *up = {uint32_t(parent.value), rest, 2, entry_type(directory)};
  memcpy(up + 1, "..", 2);
  set_raw_size(directory.raw, fs.geometry.block_size);
  directory.size.store(fs.geometry.block_size);
  return {};
}

Result<void> store_directory(Ext2Inode& directory, bool new_names) {
  ExclusiveGuard guard(directory.map_lock);
  set_raw_times(directory.raw, current_time());
  if (new_names) directory.raw.flags &= ~kFlagIndexed;
  return store_inode(directory);
}

}  // namespace cairn::ext2
