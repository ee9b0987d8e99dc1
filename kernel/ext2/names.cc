// Names and links: what files gain and lose with them.
//
// Each change runs in one operation, so a commit has all of it or nothing. What can fail comes first,
// and what was done before a failure is undone.
#include "ext2/names.h"

#include "ext2/allocation.h"
#include "ext2/inode_table.h"
#include "ext2/name_index.h"

namespace cairn::ext2 {

bool commit_would_help(Ext2FileSystem& fs, Errno error) {
  return error == Errno::kENOSPC && fs.allocator.needs_commit();
}

Result<EntryPlace> entry_of(Ext2Inode& directory, std::string_view name, const Inode& file) {
  EntryPlace place = TRY(find_name(directory, name));
  if (place.raw().inode != file.number.value) return Errno::kENOENT;
  return place;
}

void clear_entry(Ext2Inode& directory, const EntryPlace& place) {
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

Result<void> drop_link(Ext2Inode& file) {
  const bool has_others = file.type != FileType::kDirectory && links_of(file) != 0;
  return store_links(file, has_others ? uint16_t(links_of(file) - 1) : 0);
}

namespace {

Result<void> add_link(Ext2Inode& directory, std::string_view name, Ext2Inode& file)
    REQUIRES(directory.lock) REQUIRES_SHARED(running_operation) {
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
  TRY(directory.fs().metadata.change(place.block));
  TRY(drop_link(file));
  auto stored = store_directory(directory, false);
  if (stored.ok() && is_directory) stored = store_links(directory, one_less(directory));
  if (!stored.ok()) {
    (void)store_links(file, links_before);
    return stored;
  }
  clear_entry(directory, place);
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
