// Kernel tests of bitmaps, counts, and where blocks and inodes come from (`ktest` in the monitor).
#include "ext2/mount_state.h"
#include "ext2/test_file_system.h"

namespace cairn::ext2 {

using namespace test;

namespace {

Geometry test_geometry() {
  Geometry geometry;
  geometry.block_size = kBlockSize;
  geometry.inode_size = 128;
  geometry.first_data_block = 1;
  geometry.block_count = kBlocks;
  geometry.inode_count = kGroups * kInodesPerGroup;
  geometry.blocks_per_group = kBlocksPerGroup;
  geometry.inodes_per_group = kInodesPerGroup;
  geometry.group_count = kGroups;
  geometry.descriptor_block = 2;
  geometry.first_free_inode = kReservedInodes + 1;
  geometry.sparse_super = true;
  return geometry;
}

class Fixture final : public CommitClient {
 public:
  Fixture() : disk(test_disk()) {
    if (disk == nullptr) return;
    format(*disk);
    open();
  }
  ~Fixture() { close(); }
  void open() {
    auto made_store = MetadataStore::create(*disk, kBlockSize, kBlocks);
    if (!made_store.ok()) return;
    store = *made_store;
    auto made = Allocator::create(*store, test_geometry(), false);
    if (!made.ok()) return;
    allocator = *made;
    state = new_object<MountState>(*store);
    store->set_client(this);
  }
  void close() {
    delete std::exchange(allocator, nullptr);
    delete std::exchange(state, nullptr);
    delete std::exchange(store, nullptr);
    if (disk != nullptr) drop_pages(**device_pages(*disk));
  }
  explicit operator bool() const { return allocator != nullptr && state != nullptr; }

  Result<void> write_data() override { return {}; }
  void seal() override { state->seal(); }
  void committed(BlockNumber block, const uint8_t* content) override {
    allocator->committed(block, content);
  }
  void release() override { allocator->release(); }
  void after_commit() override {}

  /// 0 if there is none.
  uint64_t take_block(uint64_t goal, uint32_t group) {
    Operation operation(*store);
    auto block = allocator->allocate_block(goal, group);
    return block.ok() ? (*block).value : 0;
  }
  uint64_t take_inode(uint64_t parent, bool is_directory) {
    Operation operation(*store);
    auto inode = allocator->allocate_inode(InodeNumber(parent), is_directory);
    return inode.ok() ? (*inode).value : 0;
  }
  void free_block(uint64_t block) {
    Operation operation(*store);
    allocator->free_block(BlockNumber(block));
  }

  /// Whether a commit that frees the block writes the superblock twice.
  bool goes_through_a_journal(uint64_t block) {
    free_block(block);
    disk->event_count = 0;
    return store->commit().ok() && disk->writes(1) == 2;
  }

  /// Whether counts and bitmaps on the disk agree with each other.
  bool disk_agrees() {
    auto* superblock = reinterpret_cast<Superblock*>(disk->block(1));
    auto* descriptors = reinterpret_cast<GroupDescriptor*>(disk->block(2));
    uint32_t blocks = 0, inodes = 0;
    bool agrees = true;
    for (uint32_t group = 0; group < kGroups; group++) {
      const GroupDescriptor& at = descriptors[group];
      auto* block_bits = reinterpret_cast<uint64_t*>(disk->block(at.block_bitmap));
      auto* inode_bits = reinterpret_cast<uint64_t*>(disk->block(at.inode_bitmap));
      agrees &= count_clear_bits(block_bits, kBlocksPerGroup) == at.free_blocks_count;
      agrees &= count_clear_bits(inode_bits, kInodesPerGroup) == at.free_inodes_count;
      blocks += at.free_blocks_count;
      inodes += at.free_inodes_count;
    }
    return agrees && blocks == superblock->free_blocks_count &&
           inodes == superblock->free_inodes_count;
  }

  LoggingDisk* disk;
  MetadataStore* store = nullptr;
  Allocator* allocator = nullptr;
  MountState* state = nullptr;
};

}  // namespace

KERNEL_TEST(bitmap_searches_agree_with_slow_ones) {
  constexpr uint32_t kBits = 256;
  uint64_t words[kBits / 64];
  uint32_t random = 1;
  auto next = [&random] { return random = random * 1664525 + 1013904223; };
  for (unsigned round = 0; round < 200; round++) {
    uint32_t density = next() >> 28;  // of 16
    for (uint32_t bit = 0; bit < kBits; bit++) {
      (next() >> 28 <= density ? set_bit : clear_bit)(words, bit);
    }
    uint32_t from = next() >> 24, to = from + (next() >> 16) % (kBits - from + 1);
    uint32_t bit = from, byte = (from + 7) & ~7u, clear = 0;
    auto taken = [&](uint32_t i) { return test_bit(words, i); };
    while (bit < to && taken(bit)) bit++;
    auto byte_taken = [&] {
      for (uint32_t i = byte; i < byte + 8; i++) {
        if (taken(i)) return true;
      }
      return false;
    };
    while (byte + 8 <= to && byte_taken()) byte += 8;
    for (uint32_t i = 0; i < to; i++) clear += test_bit(words, i) ? 0 : 1;
    EXPECT(find_clear_bit(words, from, to) == (bit < to ? bit : kNoBit));
    EXPECT(find_clear_byte(words, from, to) == (byte + 8 <= to ? byte : kNoBit));
    EXPECT(count_clear_bits(words, to) == clear);
  }
}

KERNEL_TEST_WITH(Fixture, allocation_goes_to_the_goal_and_counts_exactly) {
  uint64_t goal = first_block(2) + 100;
  EXPECT(t.take_block(goal, 0) == goal);
  EXPECT(t.take_block(goal, 0) == goal + 1);
  EXPECT(t.take_block(goal + 2, 0) == goal + 2);
  uint64_t in_group = t.take_block(0, 3);
  EXPECT(in_group >= first_block(3) + system_blocks(3) && in_group < kBlocks);
  EXPECT(t.take_block(first_block(2), 0) == first_block(2) + system_blocks(2));
  EXPECT(t.allocator->space().free_blocks == kGroups * kBlocksPerGroup - 46 - 5);
  EXPECT(t.store->commit().ok() && t.disk_agrees());
}

KERNEL_TEST_WITH(Fixture, allocation_of_inodes_stays_with_the_directory) {
  EXPECT(t.take_inode(2, false) == kReservedInodes + 1);
  EXPECT(t.take_inode(3 * kInodesPerGroup + 5, false) == 3 * kInodesPerGroup + 1);
  uint64_t near = t.take_inode(2 * kInodesPerGroup + 5, true);
  EXPECT((near - 1) / kInodesPerGroup == 2);
  // Directories of the root go to groups with few of them.
  unsigned groups_seen = 0;
  for (unsigned i = 0; i < 3; i++) {
    groups_seen |= 1u << (t.take_inode(kRootInode, true) - 1) / kInodesPerGroup;
  }
  EXPECT((groups_seen & 4) == 0 && (groups_seen & 2) != 0);
  EXPECT(t.store->commit().ok() && t.disk_agrees());
  auto descriptor = t.allocator->descriptor(2);
  EXPECT(descriptor.ok() && descriptor->used_directories_count == 1);
}

KERNEL_TEST_WITH(Fixture, freed_blocks_wait_for_the_commit) {
  while (t.take_block(0, 0) != 0) continue;
  EXPECT(t.allocator->space().free_blocks == 0 && !t.allocator->needs_commit());
  EXPECT(t.store->commit().ok() && t.disk_agrees());
  uint64_t freed = first_block(1) + 50;
  t.free_block(freed);
  EXPECT(t.allocator->space().free_blocks == 1 && t.allocator->needs_commit());
  EXPECT(t.take_block(0, 0) == 0);
  // A commit that fails releases nothing; what is freed meanwhile waits for its own.
  t.disk->fail_after = 0;
  EXPECT(!t.store->commit().ok() && t.take_block(0, 0) == 0 && t.allocator->needs_commit());
  t.free_block(freed + 1);
  EXPECT(t.take_block(0, 0) == 0);
  EXPECT(t.store->commit().ok() && t.disk_agrees() && !t.allocator->needs_commit());
  EXPECT(t.take_block(0, 0) == freed && t.take_block(0, 0) == freed + 1);
  EXPECT(t.take_block(0, 0) == 0);
}

KERNEL_TEST_WITH(Fixture, blocks_given_back_can_be_taken_at_once) {
  uint64_t goal = first_block(1) + 100;
  uint64_t free = t.allocator->space().free_blocks;
  {
    Operation operation(*t.store);
    auto block = t.allocator->allocate_block(goal, 0);
    auto inode = t.allocator->allocate_inode(InodeNumber(2), true);
    EXPECT(block.ok() && inode.ok());
    if (!block.ok() || !inode.ok()) return;
    t.allocator->give_back_block(*block);
    t.allocator->free_inode(*inode, true);
  }
  EXPECT(t.allocator->space().free_blocks == free && !t.allocator->needs_commit());
  EXPECT(t.take_block(goal, 0) == goal);
  EXPECT(t.store->commit().ok() && t.disk_agrees());
}

KERNEL_TEST_WITH(Fixture, freeing_what_is_free_is_damage_and_does_nothing) {
  uint64_t free = t.allocator->space().free_blocks;
  t.state->mark(false);
  t.free_block(first_block(1) + 100);  // free already
  t.free_block(first_block(1) + 3);    // an inode bitmap
  t.free_block(1);                     // the superblock
  t.free_block(kBlocks + 5);           // not there
  {
    Operation operation(*t.store);
    t.allocator->free_inode(InodeNumber(5), false);
    t.allocator->free_inode(InodeNumber(kInodesPerGroup + 1), false);
  }
  EXPECT(t.allocator->space().free_blocks == free && !t.allocator->needs_commit());
  EXPECT(t.store->commit().ok() && t.disk_agrees());
  auto* superblock = reinterpret_cast<Superblock*>(t.disk->block(1));
  EXPECT(superblock->state == kStateErrors);
}

KERNEL_TEST_WITH(Fixture, damaged_bitmaps_and_descriptors_are_refused) {
  auto* descriptors = reinterpret_cast<GroupDescriptor*>(t.disk->block(2));
  clear_bit(reinterpret_cast<uint64_t*>(t.disk->block(descriptors[1].block_bitmap)), 5);
  {
    Operation operation(*t.store);
    EXPECT(t.allocator->allocate_block(first_block(1) + 9, 0).error() == Errno::kEUCLEAN);
    EXPECT(t.allocator->allocate_block(first_block(3) + 99, 0).ok());
  }
  t.close();
  descriptors[2].inode_table = kBlocks - 2;
  t.open();
  EXPECT(t.allocator == nullptr);
}

KERNEL_TEST_WITH(Fixture, wrong_counts_are_corrected_from_the_bitmap) {
  auto* descriptors = reinterpret_cast<GroupDescriptor*>(t.disk->block(2));
  set_bit(reinterpret_cast<uint64_t*>(t.disk->block(descriptors[1].block_bitmap)), 99);
  EXPECT(t.take_block(first_block(1) + 99, 0) == first_block(1) + 100);
  EXPECT(t.store->commit().ok() && t.disk_agrees());
}

KERNEL_TEST_WITH(Fixture, files_get_the_journals_blocks_last_and_not_all) {
  const uint64_t free = t.allocator->space().free_blocks;
  const uint32_t least = MetadataStore::kLeastJournal;
  t.allocator->open_journal();
  const uint64_t set_aside = std::min<uint64_t>(t.store->longest_journal(), free / 4);
  EXPECT(t.allocator->space().free_blocks == free &&
         t.allocator->space().usable_blocks == free - least);
  uint64_t taken = 0, last = 0;
  while (uint64_t block = t.take_block(0, 0)) taken++, last = block;
  EXPECT(taken == free - set_aside && last < kBlocks - set_aside && t.allocator->needs_commit());
  EXPECT(t.store->commit().ok() && t.disk_agrees());
  // Now it is as short as it can be, and commits go through it still.
  while (t.take_block(0, 0) != 0) taken++;
  EXPECT(taken == free - least && !t.allocator->needs_commit());
  EXPECT(t.allocator->space().free_blocks == least && t.allocator->space().usable_blocks == 0);
  EXPECT(t.goes_through_a_journal(first_block(1) + 50));
  // When there is room again it grows: four times as much as it has may be free and no more is needed.
  for (uint64_t block = first_block(1) + 51; block < first_block(3); block++) {
    if (block % kBlocksPerGroup > 60) t.free_block(block);
  }
  EXPECT(t.store->commit().ok() && t.disk_agrees());
  const uint64_t usable = t.allocator->space().usable_blocks;
  for (taken = 0; t.take_block(0, 0) != 0; taken++) continue;
  EXPECT(taken < usable && t.allocator->needs_commit() && t.store->commit().ok());
  while (t.take_block(0, 0) != 0) taken++;
  EXPECT(taken == usable && t.goes_through_a_journal(first_block(1) + 50));
}

KERNEL_TEST_WITH(Fixture, a_device_that_had_a_journal_or_is_nearly_full_gets_none) {
  auto* superblock = reinterpret_cast<Superblock*>(t.disk->block(1));
  const uint64_t freed = first_block(1) + 50;
  t.close();
  superblock->journal_inode = kJournalInode;
  t.open();
  EXPECT(t);
  if (!t) return;
  t.allocator->open_journal();
  EXPECT(t.take_block(freed, 0) == freed && t.take_block(freed, 0) == freed + 1);
  EXPECT(t.store->commit().ok() && !t.goes_through_a_journal(freed));
  EXPECT(t.allocator->space().usable_blocks == t.allocator->space().free_blocks);
  t.close();
  superblock->journal_inode = 0;
  for (bool full : {true, false}) {
    t.open();
    EXPECT(t);
    if (!t) return;
    while (full && t.allocator->space().free_blocks >= MetadataStore::kLeastJournal)
      (void)t.take_block(0, 0);
    EXPECT(t.store->commit().ok());
    t.allocator->open_journal();
    EXPECT(t.goes_through_a_journal(freed + (full ? 1 : 2)) == !full);
    t.close();
  }
}

KERNEL_TEST_WITH(Fixture, an_unreadable_journal_inode_is_no_reason_to_refuse) {
  t.close();
  auto* descriptors = reinterpret_cast<GroupDescriptor*>(t.disk->block(2));
  t.disk->unreadable = descriptors[0].inode_table;
  t.open();
  EXPECT(t);
  if (!t) return;
  t.allocator->open_journal();
  EXPECT(t.take_block(first_block(1) + 100, 0) == first_block(1) + 100);
}

KERNEL_TEST_WITH(Fixture, superblock_says_whether_it_is_in_use) {
  auto* superblock = reinterpret_cast<Superblock*>(t.disk->block(1));
  t.state->mark(false);
  EXPECT(t.store->commit().ok());
  EXPECT(superblock->state == 0 && superblock->mount_count == 1 && superblock->mount_time != 0);
  t.state->mark(true);
  EXPECT(t.store->commit().ok());
  EXPECT(superblock->state == kStateClean && superblock->mount_count == 1);
}

}  // namespace cairn::ext2
