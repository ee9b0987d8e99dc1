// An alternative to labs/b-files/ext2_directory.cc: searching is walking, entry by entry.
#include "ext2/directory.h"

#include <bit>

namespace cairn::ext2 {

namespace {

/// What is wrong with an entry, or null.
const char* fault_of(const RawEntry& entry, uint32_t room, const Geometry& geometry) {
  uint32_t length = entry.record_length;
  if (length % 4 != 0 || length < sizeof(RawEntry)) return "directory entry's length";
  if (length > room) return "directory entry beyond its block:";
  if (length < sizeof(RawEntry) + entry.name_length) return "directory entry's name";
  if (entry.inode > geometry.inode_count) return "directory entry's inode";
  if (entry.inode != 0 && entry.name_length == 0) return "directory entry without a name:";
  return nullptr;
}

}  // namespace

Result<EntryPlace> entry_at(Ext2Inode& directory, uint64_t position) {
  const Geometry& geometry = directory.fs().geometry;
  EntryPlace place;
  if (position >= directory.size.load()) return place;
  place.position = position;
  place.offset = uint32_t(position & (geometry.block_size - 1));
  uint32_t room = geometry.block_size - place.offset;
  if (place.offset % 4 != 0 || room < sizeof(RawEntry)) {
    return directory.fs().damaged("position in a directory:", position);
  }
  place.block = TRY(directory_block(directory, position >> std::countr_zero(geometry.block_size)));
  if (const char* fault = fault_of(place.raw(), room, geometry)) {
    return directory.fs().damaged(fault, position);
  }
  return place;
}

Result<EntryPlace> next_entry(Ext2Inode& directory, const EntryPlace& place) {
  return entry_at(directory, place.position + place.raw().record_length);
}

Result<EntryPlace> find_entry(Ext2Inode& directory, std::string_view name) {
  EntryPlace place = TRY(entry_at(directory, 0));
  while (place) {
    bool used = place.raw().inode != 0;
    if (used && name == place.name()) return place;
    place = TRY(next_entry(directory, place));
  }
  return Errno::kENOENT;
}

}  // namespace cairn::ext2
