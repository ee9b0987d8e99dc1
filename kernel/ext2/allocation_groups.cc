// Reading what the device says about its groups, and not believing it.
#include "debug/log.h"
#include "ext2/allocation_state.h"
#include "lib/string.h"
#include "memory/heap.h"

namespace cairn::ext2 {

namespace {

constexpr uint32_t kMaxBitmapsInMemory = 256;  // kept from eviction beyond their transaction

}  // namespace

uint64_t Allocator::State::first_block(uint32_t index) const {
  return geometry.first_data_block + uint64_t(index) * geometry.blocks_per_group;
}

Allocator::State::BlockPlace Allocator::State::place_of(uint64_t block) const {
  const uint64_t at = block - geometry.first_data_block;
  return {uint32_t(at / geometry.blocks_per_group), uint32_t(at % geometry.blocks_per_group)};
}

uint32_t Allocator::State::descriptor_blocks() const { return chunk_count; }

Result<void> Allocator::State::prepare() NO_THREAD_SAFETY_ANALYSIS {
  superblock_block = TRY(metadata.read(BlockNumber(kSuperblockOffset / geometry.block_size)));
  chunk_count = (geometry.group_count + groups_per_chunk - 1) / groups_per_chunk;
  size_t bytes = chunk_count * sizeof(Chunk);
  void* memory = heap_allocate(bytes);
  if (memory == nullptr) return Errno::kENOMEM;
  chunks = static_cast<Chunk*>(memory);
  for (uint32_t i = 0; i < chunk_count; i++) new (&chunks[i]) Chunk;
  for (uint32_t i = 0; i < chunk_count; i++) {
    Chunk& chunk = chunks[i];
    chunk.descriptors = TRY(metadata.read(BlockNumber(geometry.descriptor_block + i)));
    chunk.groups = static_cast<Group*>(heap_allocate(groups_per_chunk * sizeof(Group)));
    if (chunk.groups == nullptr) return Errno::kENOMEM;
    for (uint32_t j = 0; j < groups_per_chunk; j++) new (&chunk.groups[j]) Group;
  }
  for (uint32_t i = 0; i < geometry.group_count; i++) TRY(add_group(i));
  return {};
}

Allocator::State::~State() NO_THREAD_SAFETY_ANALYSIS {
  for (Held* list : held_list) {
    while (Held* held = list) {
      list = held->next;
      heap_free(held);
    }
  }
  for (uint32_t i = 0; chunks != nullptr && i < chunk_count; i++) {
    for (uint32_t j = 0; chunks[i].groups != nullptr && j < groups_per_chunk; j++) {
      chunks[i].groups[j].~Group();
    }
    heap_free(chunks[i].groups);
    chunks[i].~Chunk();
  }
  heap_free(chunks);
}

/// As Linux, we want a group's bitmaps and inode table within the group.
Result<void> Allocator::State::add_group(uint32_t index) {
  Group& added = group(index);
  const GroupDescriptor& on_disk = descriptor(index);
  uint64_t first = first_block(index);
  uint64_t left = geometry.block_count - first;
  added.index = index;
  added.blocks.count =
      uint32_t(left < geometry.blocks_per_group ? left : geometry.blocks_per_group);
  added.inodes.count = geometry.inodes_per_group;
  added.inodes.first = index == 0 ? geometry.first_free_inode - 1 : 0;
  added.blocks.bitmap_block = on_disk.block_bitmap;
  added.inodes.bitmap_block = on_disk.inode_bitmap;
  added.blocks.free = on_disk.free_blocks_count;
  added.inodes.free = on_disk.free_inodes_count;
  added.directories = on_disk.used_directories_count;

  uint64_t per_block = geometry.block_size / geometry.inode_size;
  added.table_blocks = uint32_t((geometry.inodes_per_group + per_block - 1) / per_block);
  auto within = [&](uint64_t block, uint64_t count) {
    return block >= first && count <= added.blocks.count &&
           block - first <= added.blocks.count - count && geometry.is_data_block(block);
  };
  bool sound = within(on_disk.block_bitmap, 1) && within(on_disk.inode_bitmap, 1) &&
               within(on_disk.inode_table, added.table_blocks) &&
               added.blocks.free <= added.blocks.count && added.inodes.free <= added.inodes.count;
  if (!sound) {
    log_error("ext2", "group {}: its descriptor contradicts the superblock", index);
    return Errno::kEUCLEAN;
  }
  added.table = on_disk.inode_table;
  blocks.free += added.blocks.free;
  inodes.free += added.inodes.free;
  directories += added.directories;
  return {};
}

/// Whether the block belongs to the file system itself.
bool Allocator::State::is_system_block(const Group& of, uint32_t bit) const {
  uint64_t block = first_block(of.index) + bit;
  if (geometry.has_superblock(of.index) && bit <= descriptor_blocks()) return true;
  return block == of.blocks.bitmap_block || block == of.inodes.bitmap_block ||
         (block >= of.table && block - of.table < of.table_blocks);
}

/// Whether what the file system needs for itself is marked as used.
bool Allocator::State::bitmap_is_sound(const Group& of, const Resource& resource,
                                       const uint64_t* words) const {
  if (&resource == &of.inodes) return all_bits_set(words, 0, resource.first);
  uint64_t first = first_block(of.index);
  auto table = uint32_t(of.table - first);
  return test_bit(words, uint32_t(of.blocks.bitmap_block - first)) &&
         test_bit(words, uint32_t(of.inodes.bitmap_block - first)) &&
         all_bits_set(words, table, table + of.table_blocks) &&
         (!geometry.has_superblock(of.index) || all_bits_set(words, 0, 1 + descriptor_blocks()));
}

Result<void> Allocator::State::load_bitmap(Group& of, Resource& resource) {
  MetadataBlock block = TRY(metadata.read(BlockNumber(resource.bitmap_block)));
  MutexGuard guard(lock);
  if (resource.bitmap) return {};
  if (!bitmap_is_sound(of, resource, block.as<uint64_t>())) {
    damaged("a bitmap frees what the file system itself uses, group", of.index);
    return Errno::kEUCLEAN;
  }
  if (bitmaps_in_memory >= kMaxBitmapsInMemory) let_go_of_bitmaps();
  resource.bitmap = std::move(block);
  bitmaps_in_memory++;
  correct_count(of, resource);
  return {};
}

/// A damaged count may differ from the bitmap, which is right then. It is written with the group's next
/// change.
void Allocator::State::correct_count(Group& of, Resource& resource) {
  uint32_t clear = count_clear_bits(resource.words(), resource.count);
  if (clear == resource.free) return;
  log_warning("ext2", "group {}: {} {} are free, its descriptor says {}", of.index, clear,
              &resource == &of.blocks ? "blocks" : "inodes", resource.free);
  count_free(of, resource, int32_t(clear) - int32_t(resource.free));
}

/// Unpins bitmaps. Those that a transaction changed it keeps in memory itself.
void Allocator::State::let_go_of_bitmaps() {
  for (uint32_t i = 0; i < geometry.group_count; i++) {
    group(i).blocks.bitmap = {};
    group(i).inodes.bitmap = {};
  }
  bitmaps_in_memory = 0;
}

}  // namespace cairn::ext2
