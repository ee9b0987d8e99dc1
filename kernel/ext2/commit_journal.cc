// An epoch that reaches the device as a whole.
//
// A directory can't be moved to another block in steps: whatever their order, between two of them it
// has two names, or none, or a wrong "..", and `e2fsck -p` wants to be asked. A file that is replaced
// by one from another block is without its name for a moment, or without any. But before it looks at
// anything else, e2fsck replays a journal. So such an epoch is written twice:
//
//   1 journal  into free blocks that the allocator sets aside: one transaction with all blocks of the
//              epoch as they are to be
//   2 shown    the superblock says that there is a journal to be replayed, and where it lies. From this
//              one write on, e2fsck finishes what a power cut interrupts
//   3 blocks   where they belong
//   4 hidden   the superblock as it is to be, without a journal
//
// Nothing of the journal is left: no block of it is marked as used, and its inode (8) is never written,
// since e2fsck takes the copy in the superblock if the inode is empty. It writes that copy to the inode,
// so the inode's block, as it was, belongs to every transaction, and so does the superblock. A journal
// must have 1024 blocks. Here most are one and the same, the last, at which a replay ends.
//
// Measured with e2fsck 1.47.0: -p replays and repairs after a cut at any write of such a commit. Given a
// file's name with an `offset` it loses that after the replay, and must be started once more.
// Source: e2fsprogs, lib/ext2fs/kernel-jbd.h and e2fsck/journal.c, e2fsck_get_journal().
#include <algorithm>

#include "ext2/commit_state.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(commit_whole_count, "ext2.commits_as_a_whole");

constexpr uint32_t kMinJournalBlocks = 1024;

/// Which free blocks it lies in.
struct Journal {
  uint32_t few[32];        // enough for one rename, for which there must not be too little memory
  uint32_t* blocks = few;  // of the file, then those of pointers
  uint32_t length = 0;     // blocks of the file that are used; the last one is the commit block
  uint32_t indirect_blocks = 0;  // the first is the file's own, others are found through the next:
  uint32_t double_indirect = 0;  // 1: there is one, the last of `blocks`

  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() {
    if (blocks != few) heap_free(blocks);
  }
  uint32_t block_count() const { return length + indirect_blocks + double_indirect; }
  uint32_t file_blocks() const { return std::max(length, kMinJournalBlocks); }
  /// Where a block of the file lies.
  uint32_t at(uint64_t index) const { return blocks[std::min<uint64_t>(index, length - 1)]; }
  uint32_t indirect(uint32_t index) const { return blocks[length + index]; }
};

namespace {

// As they lie on the device: big-endian.
struct JournalHeader {
  uint32_t magic, type, sequence;
};
struct JournalSuperblock {
  JournalHeader header;
  uint32_t block_size, block_count, first, sequence, start;
};
struct JournalTag {  // of a block in the transaction
  uint32_t number;
  uint16_t checksum, flags;
};
constexpr uint32_t kJournalMagic = 0xc03b'3998;
enum BlockType : uint32_t { kDescriptor = 1, kCommit = 2, kJournalSuperblock = 4 };
constexpr uint16_t kEscaped = 1;  // the block begins with the magic: zeros are logged instead
constexpr uint16_t kSameUuid = 2, kLastTag = 8;
constexpr uint32_t kSequence = 1;
constexpr uint8_t kBackupOfPointers = 1;

uint32_t big(uint32_t value) { return __builtin_bswap32(value); }
uint16_t big16(uint16_t value) { return __builtin_bswap16(value); }
JournalHeader header(BlockType type) { return {big(kJournalMagic), big(type), big(kSequence)}; }

uint32_t tags_per_block(uint32_t block_size) {
  return uint32_t((block_size - sizeof(JournalHeader)) / sizeof(JournalTag));
}

/// A block as the epoch leaves it.
uint8_t* final_bytes(const Record& record) {
  return record.copy != nullptr ? record.copy : record.block.data();
}

bool needs_escape(const Record& record) {
  uint32_t first;
  memcpy(&first, final_bytes(record), sizeof(first));
  return first == big(kJournalMagic);
}

/// The block that is logged after this one (null: the first). The superblock is the last: a replay that
/// is interrupted, too, begins again as long as it shows the journal.
Record* logged_after(const Epoch& epoch, Record* superblock, Record* record) {
  if (record == superblock) return nullptr;
  Record* next = record == nullptr ? epoch.records.first() : epoch.records.next(*record);
  if (next == superblock) next = epoch.records.next(*next);
  return next != nullptr ? next : superblock;
}

}  // namespace

/// False if there is no room for it, on the device or in memory.
bool MetadataStore::State::lend_journal(const Epoch& epoch, Journal& journal) {
  const uint64_t pointers = block_size / sizeof(uint32_t), tags = tags_per_block(block_size);
  const uint64_t descriptors = (epoch.record_count + tags - 1) / tags;
  const uint64_t length = 1 + descriptors + epoch.record_count + 1;
  const uint64_t used = length > kDirectBlocks ? length - kDirectBlocks : 1;
  const uint64_t indirect = (used + pointers - 1) / pointers;
  if (lend == nullptr || indirect > 1 + pointers) return false;
  journal.length = uint32_t(length);
  journal.indirect_blocks = uint32_t(indirect);
  journal.double_indirect = journal.file_blocks() - kDirectBlocks > pointers ? 1 : 0;
  const size_t count = journal.block_count();
  if (count > std::size(journal.few)) {
    journal.blocks = static_cast<uint32_t*>(heap_allocate(count * sizeof(uint32_t)));
  }
  return journal.blocks != nullptr && lend(lend_context, {journal.blocks, count});
}

/// A spare block of zeros.
Result<uint8_t*> MetadataStore::State::empty_block() {
  uint8_t* bytes = TRY(spare_block());
  memset(bytes, 0, block_size);
  return bytes;
}

/// The epoch's blocks, each run of them behind a descriptor that says where they belong. `next` counts
/// the journal's blocks.
Result<void> MetadataStore::State::log_blocks(Epoch& epoch, const Journal& journal,
                                              uint32_t& next) {
  Record* superblock = epoch.find_record(superblock_number().value);
  Record* logged = logged_after(epoch, superblock, nullptr);
  Record* described = logged;
  while (described != nullptr) {
    uint8_t* bytes = TRY(empty_block());
    *reinterpret_cast<JournalHeader*>(bytes) = header(kDescriptor);
    auto* tag = reinterpret_cast<JournalTag*>(bytes + sizeof(JournalHeader));
    for (uint32_t left = tags_per_block(block_size); left > 0 && described != nullptr; left--) {
      uint16_t flags = kSameUuid;
      if (needs_escape(*described)) flags |= kEscaped;
      auto number = uint32_t(described->number);
      described = logged_after(epoch, superblock, described);
      if (left == 1 || described == nullptr) flags |= kLastTag;
      *tag++ = {big(number), 0, big16(flags)};
    }
    writer.add(BlockNumber(journal.at(next++)), bytes);
    for (; logged != described; logged = logged_after(epoch, superblock, logged)) {
      bytes = final_bytes(*logged);
      if (needs_escape(*logged)) {
        bytes = TRY(spare_block());
        memcpy(bytes, final_bytes(*logged), block_size);
        memset(bytes, 0, sizeof(kJournalMagic));
      }
      writer.add(BlockNumber(journal.at(next++)), bytes);
    }
  }
  return {};
}

/// The blocks of pointers that make a file of the journal's blocks.
Result<void> MetadataStore::State::write_pointers(const Journal& journal) {
  const uint32_t count = block_size / uint32_t(sizeof(uint32_t));
  for (uint32_t i = 0; i < journal.indirect_blocks; i++) {
    uint8_t* bytes = TRY(spare_block());
    auto* pointers = reinterpret_cast<uint32_t*>(bytes);
    for (uint32_t j = 0; j < count; j++) {
      pointers[j] = journal.at(kDirectBlocks + uint64_t(i) * count + j);
    }
    writer.add(BlockNumber(journal.indirect(i)), bytes);
  }
  if (journal.double_indirect == 0) return {};
  uint8_t* bytes = TRY(spare_block());
  auto* pointers = reinterpret_cast<uint32_t*>(bytes);
  for (uint32_t j = 0; j < count; j++) {
    pointers[j] = journal.indirect(1 + j < journal.indirect_blocks ? 1 + j : 0);
  }
  writer.add(BlockNumber(journal.indirect(journal.indirect_blocks)), bytes);
  return {};
}

/// Writes the journal and waits; nothing on the device refers to it yet.
Result<void> MetadataStore::State::write_journal(Epoch& epoch, const Journal& journal) {
  uint32_t next = 0;
  uint8_t* bytes = TRY(empty_block());
  *reinterpret_cast<JournalSuperblock*>(bytes) = {header(kJournalSuperblock),
                                                  big(block_size),
                                                  big(journal.file_blocks()),
                                                  big(1),
                                                  big(kSequence),
                                                  big(1)};
  writer.add(BlockNumber(journal.at(next++)), bytes);
  TRY(log_blocks(epoch, journal, next));
  bytes = TRY(empty_block());
  *reinterpret_cast<JournalHeader*>(bytes) = header(kCommit);
  writer.add(BlockNumber(journal.at(next++)), bytes);
  ASSERT(next == journal.length);
  TRY(write_pointers(journal));
  TRY(finish_writes());
  return flush();
}

/// Writes the superblock as the epoch leaves it, but for the journal that it is to show (null: none).
Result<void> MetadataStore::State::write_superblock(Epoch& epoch, const Journal* shown) {
  uint8_t* bytes = TRY(spare_block());
  memcpy(bytes, final_bytes(*epoch.find_record(superblock_number().value)), block_size);
  if (shown != nullptr) {
    auto& superblock = *reinterpret_cast<Superblock*>(bytes + kSuperblockOffset % block_size);
    superblock.feature_compat |= kCompatJournal;
    superblock.feature_incompat |= kIncompatRecover;
    superblock.journal_inode = kJournalInode;
    superblock.journal_backup_type = kBackupOfPointers;
    uint32_t* pointers = superblock.journal_pointers;
    for (uint32_t i = 0; i < kDirectBlocks; i++) pointers[i] = shown->at(i);
    pointers[kIndirect] = shown->indirect(0);
    pointers[kDoubleIndirect] =
        shown->double_indirect != 0 ? shown->indirect(shown->indirect_blocks) : 0;
    pointers[kTripleIndirect] = 0;
    const uint64_t size = uint64_t(shown->file_blocks()) * block_size;
    pointers[kBlockPointers] = uint32_t(size >> 32);
    pointers[kBlockPointers + 1] = uint32_t(size);
  }
  writer.add(superblock_number(), bytes);
  TRY(finish_writes());
  return flush();
}

/// False if it must be written in steps. `begun`: something that the epoch refers to may be on the device.
Result<bool> MetadataStore::State::write_as_a_whole(Epoch& epoch, bool& begun) {
  Journal journal;
  if (!lend_journal(epoch, journal)) {
    // An earlier attempt may have failed when its journal was already shown.
    if (journal_shown) TRY(write_superblock(epoch, nullptr));
    journal_shown = false;
    return false;
  }
  TRY(write_journal(epoch, journal));
  begun = journal_shown = true;
  TRY(write_superblock(epoch, &journal));
  for (Record* at = epoch.records.first(); at != nullptr; at = epoch.records.next(*at)) {
    if (at->number == superblock_number().value) continue;
    writer.add(BlockNumber(at->number), final_bytes(*at));
  }
  TRY(finish_writes());
  TRY(flush());
  TRY(write_superblock(epoch, nullptr));
  journal_shown = false;
  commit_whole_count.increment();
  return true;
}

}  // namespace cairn::ext2
