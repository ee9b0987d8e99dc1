// Names and links: what files gain and lose with them.
//
// Each change runs in one operation, so a commit has all of it or nothing. What can fail comes first,
// and what was done before a failure is undone. commit.h says what is noted for the order on the
// device.
#include "ext2/names.h"

#include "ext2/allocation.h"
#include "ext2/inode_table.h"
#include "ext2/name_index.h"

namespace cairn::ext2 {

bool commit_would_help(Ext2FileSystem& fs, Errno error) {
  return error == Errno::kEAGAIN || (error == Errno::kENOSPC && fs.allocator.needs_commit());
}

namespace {

/// One of the 256 bits of Ext2Inode::removed_names. Source: Fowler, Noll, Vo, the FNV-1a hash.
uint32_t hash_bit(std::string_view name) {
  uint32_t hash = 0x811c'9dc5;
  for (char character : name) hash = (hash ^ uint8_t(character)) * 0x0100'0193;
  return hash >> 24;
}

}  // namespace

Result<void> check_new_name(Ext2Inode& directory, std::string_view name) {
  if (directory.removal_epoch != directory.fs().metadata.epoch()) return {};
  uint32_t bit = hash_bit(name);
  bool removed = (directory.removed_names[bit / 64] >> bit % 64 & 1) != 0;
  return removed ? Errno::kEAGAIN : Result<void>();
}

void note_removed_name(Ext2Inode& directory, std::string_view name, const Ext2Inode& file) {
  uint64_t epoch = directory.fs().metadata.epoch();
  if (file.making_epoch == epoch) return;
  if (directory.removal_epoch != epoch) {
    for (uint64_t& word : directory.removed_names) word = 0;
    directory.removal_epoch = epoch;
  }
  uint32_t bit = hash_bit(name);
  directory.removed_names[bit / 64] |= 1ull << bit % 64;
}

Result<EntryPlace> entry_of(Ext2Inode& directory, std::string_view name, const Inode& file) {
  EntryPlace place = TRY(find_name(directory, name));
  if (place.raw().inode != file.number.value) return Errno::kENOENT;
  return place;
}

uint32_t inode_field(const EntryPlace& place) {
  return place.offset + uint32_t(offsetof(RawEntry, inode));
}

void clear_entry(Ext2Inode& directory, const EntryPlace& place, const Ext2Inode& file) {
  note_removed_name(directory, place.name(), file);
  note_entry_cleared(directory, place);
  place.raw().inode = 0;
  uint64_t block_start = place.position - place.offset;
  if (block_start < directory.room_hint) directory.room_hint = block_start;
}

uint16_t links_of(const Ext2Inode& file) { return uint16_t(file.links.load()); }

uint16_t one_less(const Ext2Inode& file) {
  return links_of(file) > 1 ? uint16_t(links_of(file) - 1) : 1;
}

Result<void> store_links(Ext2Inode& file, uint16_t links) {
  ExclusiveGuard guard(file.map_lock);
  const RawInode before = file.raw;
  file.raw.links_count = links;
  file.raw.change_time = uint32_t(current_time().seconds);
  file.raw.deletion_time = links == 0 ? file.raw.change_time : 0;
  auto stored = store_inode(file);
  if (!stored.ok()) {
    file.raw = before;
    return stored;
  }
  file.links.store(links);
  return {};
}

namespace {

/// What an inode's links are when it loses a name: a directory has only one.
uint16_t links_without_name(const Ext2Inode& file) {
  if (file.type == FileType::kDirectory || links_of(file) == 0) return 0;
  return uint16_t(links_of(file) - 1);
}

}  // namespace

Result<void> drop_link(Ext2Inode& file, Step until) {
  MetadataStore& metadata = file.fs().metadata;
  uint16_t links = links_without_name(file);
  // A victim that loses its other names later in this epoch must not die before it is replaced.
  if (until == Step::kVictims || (links == 0 && until == Step::kDeaths)) {
    MetadataBlock block = TRY(metadata.read(file.table_block));
    TRY(metadata.freeze(block, file.table_offset, sizeof(RawInode), until));
  }
  TRY(store_links(file, links));
  if (links != 0) metadata.inode_moved(file.number, InodeNumber(0));
  return {};
}

namespace {

Result<void> add_link(Ext2Inode& directory, std::string_view name, Ext2Inode& file)
    REQUIRES(directory.lock) REQUIRES_SHARED(running_operation) {
  TRY(check_new_name(directory, name));
  EntryRoom room = TRY(make_room(directory, name.size()));
  TRY(store_directory(directory, true));
  TRY(store_links(file, uint16_t(links_of(file) + 1)));
  put_entry(directory, room, name, file);
  return {};
}

Result<void> remove_link(Ext2Inode& directory, const EntryPlace& place, Ext2Inode& file)
    REQUIRES(directory.lock) REQUIRES_SHARED(running_operation) {
  const bool is_directory = file.type == FileType::kDirectory;
  const uint16_t links_before = links_of(file);
  MetadataStore& metadata = directory.fs().metadata;
  if (links_without_name(file) == 0 && metadata.is_new(file.number)) {
    TRY(metadata.change(place.block, BlockKind::kDirectory));
  } else {
    TRY(metadata.write_later(place.block, inode_field(place), 4, place.raw().inode, Step::kRemove));
  }
  TRY(drop_link(file, is_directory ? Step::kDeaths : Step::kRemove));
  auto stored = store_directory(directory, false);
  if (stored.ok() && is_directory) stored = store_links(directory, one_less(directory));
  if (!stored.ok()) {
    (void)store_links(file, links_before);
    return stored;
  }
  clear_entry(directory, place, file);
  return {};
}

}  // namespace

Result<void> Ext2Inode::link(std::string_view name, Inode& target) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (file_system.read_only) return Errno::kEROFS;
  if (name.size() > kMaxNameLength) return Errno::kENAMETOOLONG;
  if (links.load() == 0 || target.links.load() == 0) return Errno::kENOENT;
  if (target.links.load() >= kMaxLinks) return Errno::kEMLINK;
  for (bool again = false;; again = true) {
    {
      Operation operation(fs().metadata);
      auto added = add_link(*this, name, static_cast<Ext2Inode&>(target));
      if (added.ok() || again || !commit_would_help(fs(), added.error())) return added;
    }
    TRY(fs().metadata.commit());
  }
}

Result<void> Ext2Inode::unlink(std::string_view name, Inode& victim) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (file_system.read_only) return Errno::kEROFS;
  auto& file = static_cast<Ext2Inode&>(victim);
  EntryPlace place = TRY(entry_of(*this, name, victim));
  if (file.type == FileType::kDirectory && !TRY(is_empty(file))) return Errno::kENOTEMPTY;
  Operation operation(fs().metadata);
  return remove_link(*this, place, file);
}

}  // namespace cairn::ext2
