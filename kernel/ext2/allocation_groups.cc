// Reading what the device says about its groups, and not believing it.
#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation.h"
#include "ext2/allocation_bits.h"
#include "lib/string.h"
#include "memory/heap.h"

namespace cairn::ext2 {

namespace {

constexpr uint32_t kMaxBitmapsInMemory = 256;  // kept from eviction beyond their transaction

uint64_t divide_up(uint64_t bytes, uint64_t size) { return (bytes + size - 1) / size; }

}  // namespace

Resource::~Resource() { heap_free(kept); }

Result<Allocator*> Allocator::create(MetadataStore& metadata, const Geometry& geometry,
                                     bool read_only) {
  auto* made = new_object<Allocator>(metadata, geometry);
  if (made == nullptr) return Errno::kENOMEM;
  auto prepared = made->prepare(read_only);
  if (prepared.ok()) return made;
  delete made;
  return prepared.error();
}

Result<void> Allocator::prepare(bool read_only) {
  const size_t bytes = geometry_.group_count * sizeof(void*);
  groups_ = static_cast<Group**>(heap_allocate(bytes));
  if (groups_ == nullptr) return Errno::kENOMEM;
  memset(groups_, 0, bytes);
  for (uint32_t i = 0; i < geometry_.group_count; i++) TRY(add_group(i, read_only));
  return {};
}

Allocator::~Allocator() {
  for (uint32_t i = 0; groups_ != nullptr && i < geometry_.group_count; i++) delete groups_[i];
  heap_free(groups_);
}

Allocator::Place Allocator::place_of(uint64_t block) const {
  const uint64_t at = block - geometry_.first_data_block;
  return {uint32_t(at / geometry_.blocks_per_group), uint32_t(at % geometry_.blocks_per_group)};
}

/// As Linux, we want a group's bitmaps and inode table within the group; and that they overlap nothing there,
/// so they overlap nothing of any group.
Result<void> Allocator::add_group(uint32_t index, bool read_only) NO_THREAD_SAFETY_ANALYSIS {
  groups_[index] = new_object<Group>();
  if (groups_[index] == nullptr) return Errno::kENOMEM;
  Group& of = group(index);
  of.index = index;
  const uint64_t at =
      geometry_.descriptor_block * geometry_.block_size + index * sizeof(GroupDescriptor);
  of.descriptors = TRY(metadata_.read(BlockNumber(at / geometry_.block_size)));
  const GroupDescriptor& on_disk = descriptor_of(of);
  const uint64_t first = first_block(index);
  const uint64_t table_blocks =
      divide_up(geometry_.inodes_per_group, geometry_.block_size / geometry_.inode_size);
  of.blocks.bitmap_block = on_disk.block_bitmap;
  of.inodes.bitmap_block = on_disk.inode_bitmap;
  of.blocks.count = of.blocks.end =
      uint32_t(std::min<uint64_t>(geometry_.block_count - first, geometry_.blocks_per_group));
  of.inodes.count = of.inodes.end = geometry_.inodes_per_group;
  of.inodes.first = index == 0 ? geometry_.first_free_inode - 1 : 0;
  of.blocks.free = of.blocks.available = on_disk.free_blocks_count;
  of.inodes.free = of.inodes.available = on_disk.free_inodes_count;
  of.directories = on_disk.used_directories_count;
  of.first_after_copies = geometry_.has_superblock(index) ? 1 + geometry_.descriptor_blocks() : 0;
  auto within = [&](uint64_t block, uint64_t count) {
    return block >= first + of.first_after_copies && count <= of.blocks.count &&
           block - first <= of.blocks.count - count && geometry_.is_data_block(block);
  };
  const uint64_t table = on_disk.inode_table, table_end = table + table_blocks;
  auto is_in_table = [&](uint64_t block) { return block >= table && block < table_end; };
  of.table = uint32_t(table - first);
  of.table_end = of.table + uint32_t(table_blocks);
  const bool counts = of.blocks.free <= of.blocks.count && of.inodes.free <= of.inodes.count;
  const bool sound = within(on_disk.block_bitmap, 1) && within(on_disk.inode_bitmap, 1) &&
                     within(table, table_blocks) && on_disk.block_bitmap != on_disk.inode_bitmap &&
                     !is_in_table(on_disk.block_bitmap) && !is_in_table(on_disk.inode_bitmap) &&
                     (counts || read_only);
  if (!sound) {
    log_error("ext2", "group {}: its descriptor contradicts the superblock", index);
    return Errno::kEUCLEAN;
  }
  if (!counts) {  // for statfs() alone
    of.blocks.free = std::min(of.blocks.free, of.blocks.count);
    of.inodes.free = std::min(of.inodes.free, of.inodes.count);
  }
  free_blocks_ += of.blocks.free;
  free_inodes_ += of.inodes.free;
  directories_ += of.directories;
  return {};
}

/// Whether the block belongs to the file system itself.
bool Allocator::is_system_block(uint64_t block) const {
  const auto [index, bit] = place_of(block);
  const Group& of = group(index);
  return bit < of.first_after_copies || block == of.blocks.bitmap_block ||
         block == of.inodes.bitmap_block || (bit >= of.table && bit < of.table_end);
}

/// Whether what the file system needs for itself is marked as used.
bool Allocator::is_sound(const Group& of, const Resource& resource, const uint64_t* words) const {
  auto all_set = [&](uint32_t from, uint32_t to) {
    return find_clear_bit(words, from, to) == kNoBit;
  };
  if (&resource == &of.inodes) return all_set(0, resource.first);
  const uint64_t first = first_block(of.index);
  return test_bit(words, uint32_t(of.blocks.bitmap_block - first)) &&
         test_bit(words, uint32_t(of.inodes.bitmap_block - first)) &&
         all_set(of.table, of.table_end) && all_set(0, of.first_after_copies);
}

Result<void> Allocator::load(Group& of, Resource& resource) {
  if (resource.bitmap) return {};
  MetadataBlock bitmap = TRY(metadata_.read(BlockNumber(resource.bitmap_block)));
  const auto* words = bitmap.as<uint64_t>();
  if (!is_sound(of, resource, words)) {
    damaged("a bitmap frees what the file system itself uses, group", of.index);
    return Errno::kEUCLEAN;
  }
  if (bitmaps_in_memory_ >= kMaxBitmapsInMemory) let_go_of_bitmaps();
  if (&resource == &of.blocks) {
    resource.kept = static_cast<uint64_t*>(heap_allocate(geometry_.block_size));
    if (resource.kept == nullptr) return Errno::kENOMEM;
    memcpy(resource.kept, words, geometry_.block_size);
  }
  resource.bitmap = std::move(bitmap);
  bitmaps_in_memory_++;
  resource.available = count_clear_bits(words, resource.end);
  const uint32_t clear = count_clear_bits(words, resource.count);
  if (clear == resource.free) return {};
  // The bitmap is right. The count is written with the group's next change.
  log_warning("ext2", "group {}: {} {} are free, its descriptor says {}", of.index, clear,
              &resource == &of.blocks ? "blocks" : "inodes", resource.free);
  count_free(of, resource, int32_t(clear) - int32_t(resource.free));
  return {};
}

/// Unpins the bitmaps that neither the running transaction nor the one before it has changed.
void Allocator::let_go_of_bitmaps() {
  for (uint32_t i = 0; i < geometry_.group_count; i++) {
    for (Resource* resource : {&group(i).blocks, &group(i).inodes}) {
      if (!resource->bitmap || resource->changed_in + 1 >= metadata_.transaction()) continue;
      resource->bitmap = {};
      heap_free(std::exchange(resource->kept, nullptr));
      bitmaps_in_memory_--;
    }
  }
}

}  // namespace cairn::ext2
