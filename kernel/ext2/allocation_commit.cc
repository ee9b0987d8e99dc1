// What a commit means for free blocks, the blocks that are its journal's.
#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation.h"
#include "ext2/allocation_bits.h"
#include "memory/heap.h"

namespace cairn::ext2 {

namespace {

constexpr uint32_t kInodeIndex = kJournalInode - 1;
constexpr uint32_t kGrowth = 2;  // a journal becomes longer if it can be so many times as long
constexpr uint64_t kJournalShare = 4;  // it takes one of so many free blocks, if it can be so long

}  // namespace

/// A bitmap of blocks: what it frees can be taken, but for what has been freed since.
void Allocator::committed(BlockNumber block, const uint8_t* content) {
  if (!geometry_.is_data_block(block.value)) return;
  MutexGuard guard(lock_);
  Resource& blocks = group(place_of(block.value).group).blocks;
  if (blocks.bitmap_block != block.value || !std::exchange(blocks.waits, false)) return;
  const auto* old = reinterpret_cast<const uint64_t*>(content);
  const uint64_t* words = blocks.words();
  for (uint32_t i = 0; i * kWordBits < blocks.count; i++) {
    blocks.kept[i] = old[i] | words[i];
    blocks.waits |= blocks.kept[i] != words[i];
  }
  blocks.available = count_clear_bits(blocks.kept, blocks.end);
  blocks.hint = 0;
}

/// After a commit. Files get what the journal can spare when there is nothing else; when there is much
/// again, so does the journal.
void Allocator::release() {
  MutexGuard guard(lock_);
  constexpr uint32_t least = MetadataStore::kLeastJournal;
  if (journal_blocks_ == 0) return;
  if (std::exchange(short_of_blocks_, false)) {
    if (hides_blocks()) (void)move_journal(least);
  } else if (journal_blocks_ == least && journal_wanted() >= kGrowth * least) {
    (void)move_journal(journal_wanted());
  }
}

// ---- The journal's blocks ----------------------------------------------------------------------

/// Whether more blocks are free than can be taken and the journal keeps to the end.
bool Allocator::hides_blocks() {
  uint64_t known = journal_blocks_ == 0 ? 0 : MetadataStore::kLeastJournal;
  for (uint32_t i = 0; i < geometry_.group_count; i++) known += group(i).blocks.available;
  return free_blocks_ > known;
}

/// How many blocks the journal should have. 0: there are too few.
uint32_t Allocator::journal_wanted() {
  const uint64_t least = MetadataStore::kLeastJournal, most = metadata_.longest_journal();
  if (free_blocks_ < least) return 0;
  return uint32_t(std::clamp(free_blocks_ / kJournalShare, least, most));
}

/// The block of inode 8.
BlockNumber Allocator::inode_block() const {
  const uint64_t offset = uint64_t(kInodeIndex) * geometry_.inode_size;
  return BlockNumber(first_block(0) + group(0).table + offset / geometry_.block_size);
}

/// Why the device can't have a journal, or null.
const char* Allocator::reason_for_no_journal() {
  const Superblock& raw = metadata_.superblock();
  if (raw.revision == 0 || geometry_.first_free_inode <= kJournalInode)
    return "it is of revision 0";
  const uint32_t inode_offset = kInodeIndex * geometry_.inode_size % geometry_.block_size;
  auto block = metadata_.read(inode_block());
  if (!block.ok()) return "the inode of journals can't be read";
  bool has_journal = (raw.feature_compat & kCompatJournal) != 0 || raw.journal_inode != 0 ||
                     raw.journal_device != 0 || block->as<RawInode>(inode_offset)->links_count != 0;
  for (uint8_t byte : raw.journal_uuid) has_journal |= byte != 0;
  return has_journal ? "it has a journal that isn't ours" : nullptr;
}

/// The device's last blocks that are free and not kept, in order, as many as there is room for. Groups
/// whose bitmap can't be read have none.
std::span<uint32_t> Allocator::last_free_blocks(std::span<uint32_t> numbers) {
  size_t left = numbers.size();
  for (uint32_t index = geometry_.group_count; index-- > 0 && left > 0;) {
    Resource& blocks = group(index).blocks;
    if (blocks.free == 0 || !load(group(index), blocks).ok()) continue;
    for (uint32_t bit = blocks.count; bit-- > 0 && left > 0;) {
      if (!test_bit(blocks.kept, bit)) numbers[--left] = uint32_t(first_block(index) + bit);
    }
  }
  return numbers.subspan(left);
}

/// No file gets blocks from this one on.
void Allocator::reserve_from(uint64_t block) {
  for (uint32_t i = 0; i < geometry_.group_count; i++) {
    Resource& blocks = group(i).blocks;
    const uint64_t first = first_block(i);
    const auto end = uint32_t(block < first ? 0 : std::min<uint64_t>(block - first, blocks.count));
    if (end == blocks.end) continue;
    blocks.end = end;
    blocks.available = blocks.kept != nullptr ? count_clear_bits(blocks.kept, end)
                       : end != 0             ? blocks.free
                                              : 0;
    blocks.hint = 0;
  }
}

/// The journal becomes so many blocks long, or as long as it can be. EBUSY: it stays as it was. Other
/// errors: there is none.
Result<void> Allocator::move_journal(uint32_t wanted) {
  auto* numbers = static_cast<uint32_t*>(heap_allocate(std::max(wanted, 1u) * sizeof(uint32_t)));
  const auto found = last_free_blocks({numbers, numbers == nullptr ? 0 : wanted});
  auto opened = metadata_.open_journal(found, inode_block());
  if (opened.ok() || opened.error() != Errno::kEBUSY) {
    journal_blocks_ = opened.ok() ? uint32_t(found.size()) : 0;
    reserve_from(opened.ok() ? found[0] : geometry_.block_count);
  }
  heap_free(numbers);
  return opened;
}

void Allocator::open_journal() {
  MutexGuard guard(lock_);
  const char* reason = reason_for_no_journal();
  auto opened = move_journal(reason == nullptr ? journal_wanted() : 0);
  if (opened.ok()) return;
  log_warning("ext2", "no journal ({}): after a power cut e2fsck -p may not be enough",
              reason != nullptr ? reason : errno_name(opened.error()));
}

}  // namespace cairn::ext2
