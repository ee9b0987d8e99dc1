// Which group a new inode goes to. Files stay with their directory, so that one directory's files lie
// together; directories of the root spread, others stay near their parent while there is room.
// Source: Linux, fs/ext2/ialloc.c, find_group_orlov() and find_group_other(), for the rules.
#include "ext2/allocation_state.h"

namespace cairn::ext2 {

uint32_t Allocator::State::any_group(uint32_t first, bool with_blocks) {
  for (uint32_t i = 0; i < geometry.group_count; i++) {
    Group& candidate = group((first + i) % geometry.group_count);
    if (candidate.inodes.available() == 0) continue;
    if (!with_blocks || candidate.blocks.available() != 0) return candidate.index;
  }
  return kNoGroup;
}

/// The parent's group; else by steps that double, from a start that differs for each directory, so
/// that directories of a full group don't all overflow into the next one.
uint32_t Allocator::State::group_for_file(uint32_t parent, uint64_t salt) {
  auto has_room = [&](Group& candidate) {
    return candidate.inodes.available() != 0 && candidate.blocks.available() != 0;
  };
  if (has_room(group(parent))) return parent;
  auto at = uint32_t((parent + salt) % geometry.group_count);
  for (uint32_t step = 1; step < geometry.group_count; step *= 2) {
    at = (at + step) % geometry.group_count;
    if (has_room(group(at))) return at;
  }
  return any_group(parent, false);
}

/// Of the groups with at least as much free as the average, the one with the fewest directories.
uint32_t Allocator::State::group_for_root_directory() {
  uint64_t average_inodes = (inodes.free - inodes.held) / geometry.group_count;
  uint64_t average_blocks = (blocks.free - blocks.held) / geometry.group_count;
  uint32_t best = kNoGroup;
  uint32_t fewest = UINT32_MAX;
  for (uint32_t i = 1; i <= geometry.group_count; i++) {
    Group& candidate = group((directory_rotor + i) % geometry.group_count);
    if (candidate.inodes.available() == 0 || candidate.directories >= fewest) continue;
    if (candidate.inodes.available() < average_inodes) continue;
    if (candidate.blocks.available() < average_blocks) continue;
    best = candidate.index;
    fewest = candidate.directories;
  }
  return best != kNoGroup ? best : any_group(0, false);
}

/// The first group from the parent's on that is not crowded: fewer directories than the average and
/// a sixteenth of a group's inodes more, and at least a quarter of the average free.
uint32_t Allocator::State::group_for_directory(uint32_t parent) {
  uint32_t count = geometry.group_count;
  uint64_t most_directories = directories / count + geometry.inodes_per_group / 16;
  uint64_t least_inodes = (inodes.free - inodes.held) / count / 4;
  uint64_t least_blocks = (blocks.free - blocks.held) / count / 4;
  for (uint32_t i = 0; i < count; i++) {
    Group& candidate = group((parent + i) % count);
    if (candidate.inodes.available() == 0 || candidate.blocks.available() == 0) continue;
    if (candidate.directories <= most_directories && candidate.inodes.available() >= least_inodes &&
        candidate.blocks.available() >= least_blocks) {
      return candidate.index;
    }
  }
  uint32_t with_blocks = any_group(parent, true);
  return with_blocks != kNoGroup ? with_blocks : any_group(parent, false);
}

}  // namespace cairn::ext2
