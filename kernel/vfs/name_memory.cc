#include "vfs/name_memory.h"

#include <algorithm>

#include "memory/frame_allocator.h"
#include "vfs/dentry_cache.h"
#include "vfs/mount.h"

namespace cairn {

namespace {

constexpr uint64_t kFramesPerDentry = 2;  // an entry takes some 250 bytes
constexpr uint64_t kFramesPerInode = 8;   // an inode some 900
constexpr uint64_t kReserveShare =
    32;  // memory is short when less than one frame in so many is free
constexpr uint64_t kShrinkAtOnce = 64;

}  // namespace

uint32_t max_dentries() {
  return uint32_t(std::max<uint64_t>(total_frame_count() / kFramesPerDentry, 1024));
}

uint32_t max_unused_inodes() {
  return uint32_t(std::max<uint64_t>(total_frame_count() / kFramesPerInode, 256));
}

uint64_t shrink_names(uint64_t wanted) {
  uint64_t count = dentry_cache_shrink(wanted);
  MountWalk walk;
  while (Mount* mount = walk.next()) count += mount->file_system->inodes.shrink(wanted);
  return count;
}

void keep_name_reserve() {
  if (free_frame_count() < total_frame_count() / kReserveShare) shrink_names(kShrinkAtOnce);
}

}  // namespace cairn
