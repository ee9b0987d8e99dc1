// Which group a new inode goes to. Files stay with their directory, so that one directory's files lie
// together; directories of the root spread, others stay near their parent while there is room.
// Source: Linux, fs/ext2/ialloc.c, find_group_orlov() and find_group_other(), for the rules.
#include "ext2/allocation.h"

namespace cairn::ext2 {

namespace {

bool has_inodes(const Group& group) { return group.inodes.available != 0; }
bool has_room(const Group& group) { return has_inodes(group) && group.blocks.available != 0; }

}  // namespace

template <class Condition>
uint32_t Allocator::find_group(uint64_t start, Condition condition) {
  for (uint32_t i = 0; i < geometry_.group_count; i++) {
    const Group& candidate = group(uint32_t((start + i) % geometry_.group_count));
    if (condition(candidate)) return candidate.index;
  }
  return kNoGroup;
}

/// The parent's group; else the next one from a start that differs for each directory, so that
/// directories of a full group don't all overflow into the same one.
uint32_t Allocator::group_for_file(InodeNumber parent) {
  const uint32_t near = group_of_inode(parent);
  if (has_room(group(near))) return near;
  const uint32_t found = find_group(near + parent.value, has_room);
  return found != kNoGroup ? found : find_group(near, has_inodes);
}

/// The next group that is not crowded. In the root: one with no more directories than the average, and as
/// much free. Elsewhere there may be a sixteenth of a group's inodes more, and a quarter be free.
uint32_t Allocator::group_for_directory(InodeNumber parent) {
  const bool in_root = parent.value == kRootInode;
  const uint32_t count = geometry_.group_count, near = group_of_inode(parent);
  const uint64_t share = count * (in_root ? 1 : 4);
  const uint64_t most = directories_ / count + (in_root ? 0 : geometry_.inodes_per_group / 16);
  const uint64_t least_inodes = free_inodes_ / share, least_blocks = free_blocks_ / share;
  uint32_t found = find_group(in_root ? directory_rotor_ + 1 : near, [&](const Group& group) {
    return has_room(group) && group.directories <= most && group.inodes.available >= least_inodes &&
           group.blocks.available >= least_blocks;
  });
  if (in_root && found != kNoGroup) directory_rotor_ = found;
  if (found == kNoGroup) found = find_group(near, has_room);
  return found != kNoGroup ? found : find_group(near, has_inodes);
}

}  // namespace cairn::ext2
