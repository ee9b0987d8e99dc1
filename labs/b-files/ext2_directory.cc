// LAB B4: walking and searching the entries of a directory. Contract: kernel/ext2/directory.h.
// handouts/b-files.md#b4 explains it; check with: make grade LAB=b K=B4
#include "ext2/directory.h"

#include "lib/not_implemented.h"

namespace cairn::ext2 {

// BEGIN SOLUTION B4
// STARTER:
namespace {

/// Whether the entry at `place` can be believed: it lies within its block, has room for its name, and
/// means an inode that exists.
Result<void> check_entry(Ext2Inode& directory, const EntryPlace& place) {
  const Geometry& geometry = directory.fs().geometry;
  uint32_t room = geometry.block_size - place.offset;
  bool sound = room >= sizeof(RawEntry) && is_aligned(place.offset, 4);
  if (sound) {
    const RawEntry& entry = place.raw();
    sound = entry.record_length >= entry_size(entry.name_length) &&
            is_aligned(entry.record_length, 4) && entry.record_length <= room &&
            entry.inode <= geometry.inode_count && (entry.inode == 0 || entry.name_length != 0);
  }
  if (!sound) return directory.fs().damaged("entry of directory", directory.number.value);
  return {};
}

}  // namespace
// END SOLUTION

// LAB B4: entry_at() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<EntryPlace> entry_at(Ext2Inode& directory, uint64_t position) {
  // BEGIN SOLUTION B4
  if (position >= directory.size.load()) return EntryPlace{};
  uint32_t block_size = directory.fs().geometry.block_size;
  EntryPlace place{TRY(directory_block(directory, position / block_size)),
                   uint32_t(position % block_size), position};
  TRY(check_entry(directory, place));
  return place;
  // END SOLUTION
}

// LAB B4: next_entry() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<EntryPlace> next_entry(Ext2Inode& directory, const EntryPlace& place) {
  // BEGIN SOLUTION B4
  uint16_t length = place.raw().record_length;
  if (place.offset + length == directory.fs().geometry.block_size) {
    return entry_at(directory, place.position + length);
  }
  EntryPlace next{place.block, place.offset + length, place.position + length};
  TRY(check_entry(directory, next));
  return next;
  // END SOLUTION
}

// LAB B4: find_entry() (handouts/b-files.md#b4). Check: make grade LAB=b K=B4
Result<EntryPlace> find_entry(Ext2Inode& directory, std::string_view name) {
  // BEGIN SOLUTION B4
  uint32_t block_size = directory.fs().geometry.block_size;
  uint64_t size = directory.size.load();
  for (uint64_t start = 0; start < size; start += block_size) {
    EntryPlace place{TRY(directory_block(directory, start / block_size)), 0, start};
    while (place.offset < block_size) {
      TRY(check_entry(directory, place));
      const RawEntry& entry = place.raw();
      if (entry.inode != 0 && place.name() == name) return place;
      place.offset += entry.record_length;
      place.position += entry.record_length;
    }
  }
  return Errno::kENOENT;
  // END SOLUTION
}

}  // namespace cairn::ext2
